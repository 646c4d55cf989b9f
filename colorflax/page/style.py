"""What the page looks like: fonts, hues, distances, and the paints that lie ready."""

import gradio as gr

# Of a paint only hue and chroma count: the photograph keeps its lightness.
PAINTS = {
    "skin": "#d8a88c", "hair": "#7a5638", "leaf": "#5f7f3f", "sky": "#87b0d8",
    "wood": "#9c6b40", "brick": "#a4503c", "sand": "#c8a878", "grey": "#808080",
}  # fmt: skip

CSS = """
.gradio-container {width: 100%; max-width: 1200px !important; margin: auto}
#head h1 {margin: 0; font-size: 1.6rem; font-weight: 650; letter-spacing: -.02em}
#head p, #notice .good, #foot {opacity: .65}
#foot {font-size: .8rem; overflow-wrap: anywhere}
input[type=range]:focus-visible {outline: 2px solid var(--color-accent);
  outline-offset: 4px}
.bad {color: var(--error-text-color); font-weight: 600}
#canvas img {cursor: crosshair}
#palette {gap: .5rem}
#palette button.sm {padding: .35rem .5rem}
#colour {overflow: visible !important; z-index: 9}
#colour .dialog-button {width: 100%; height: 1.9rem; border-radius: 6px}
#colour .color-picker {position: absolute; box-shadow: 0 4px 16px #0004}
#points {color: var(--body-text-color-subdued); min-width: 260px !important}
#points span {display: inline-block; margin-right: 1rem; white-space: nowrap}
#points i {display: inline-block; width: .8em; height: .8em; border-radius: 50%;
  margin-right: .4em; border: 1px solid currentcolor; vertical-align: -.05em}
""" + "".join(
    f"#paint-{word} {{border-left: 1rem solid {colour} !important}}\n"
    for word, colour in PAINTS.items()
)


def theme() -> gr.themes.Base:
    """Fonts are those of this machine, for others are fetched."""
    theme = gr.themes.Soft(
        primary_hue="teal",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )
    return theme.set(
        body_background_fill="*background_fill_secondary",
        block_title_background_fill="none",
        block_title_padding="0",
        block_title_text_color="*body_text_color",
    )
