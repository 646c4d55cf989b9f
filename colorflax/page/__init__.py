"""The page on which photographs are coloured; the only room that knows Gradio.

It is for this machine alone, and asks nobody else for anything.
Downwards: serving, desk, sheet, look.
"""

import os

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when it is imported
from colorflax.page.serving import Limits, serve

__all__ = ["Limits", "serve"]
