"""The page on which photographs are coloured; the only room that knows Gradio.

It is for this machine alone, and asks nobody else for anything.
Downwards: serving, gate, desk, ranges, answers, sheet, shelf, sitting, pointing,
dropping, style.
"""

import os

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when Gradio is imported
