"""What was trained before: ours, ImageNet's, the authors'; and beginning with it.

Downwards: warmstart, release, imagenet, inception, pth, hosted, shipped.
"""
