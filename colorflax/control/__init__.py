"""What a person asks of a colouring: how vivid, which colours, whose.

Downwards: asked, hints, reference, css, order.
"""
