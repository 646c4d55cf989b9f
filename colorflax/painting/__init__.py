"""From what a network says of a picture to the picture in its colours.

Downwards: prediction, posterior, paint, guided, steady.
"""
