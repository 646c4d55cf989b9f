"""Files that are dropped beside the fields, or on one that has a file already.

A browser leaves the page for them, and all that was tried on it is lost.
"""

SCRIPT = """() => {
    let own = false;  // a picture of this page
    addEventListener('dragstart', () => own = true);
    addEventListener('dragend', () => own = false);
    const holdsFiles = event => !own && event.dataTransfer.types.includes('Files');
    addEventListener('dragover', event => {
        if (holdsFiles(event)) event.preventDefault();
    });
    addEventListener('drop', async event => {
        if (!holdsFiles(event)) return;
        const lends = event.target.closest('#reference');
        const field = document.querySelector(lends ? '#reference' : '#file');
        const input = () => field.querySelector('input[type=file]');
        if (input() && event.defaultPrevented) return;  // for the field has taken it
        event.preventDefault();
        const dropped = new DataTransfer();
        dropped.items.add(event.dataTransfer.files[0]);
        if (!input()) field.querySelector('[aria-label=Clear]')?.click();
        for (let wait = 0; !input() && wait < 100; wait++)
            await new Promise(resolve => setTimeout(resolve, 20));
        if (!input()) return;  // while another one is on its way
        input().files = dropped.files;
        input().dispatchEvent(new Event('change'));
    });
}"""
"""What a page runs first: the photograph takes them, or the lender where it is hit."""
