"""Every action by keyboard: the one list of shortcuts, for the page, its help and the manual."""

import json

# key (as the browser names it, with modifiers), words, action
SHORTCUTS = {
    "A case": (
        ("o", "go to the list of series", "focus_series"),
        ("s", "Segment", "segment"),
        ("c", "Cancel what is running", "cancel"),
        ("m", "use the suggested model", "use_suggested"),
        ("f", "outline only, or filled", "outline"),
        ("+", "more opaque", "more_opaque"),
        ("-", "less opaque", "less_opaque"),
        ("u", "uncertainty overlay on, off", "uncertainty"),
    ),
    "Views": (
        ("PageUp", "axial view: one slice up", "slice_up"),
        ("PageDown", "axial view: one slice down", "slice_down"),
        ("Shift+PageUp", "coronal view: one slice on", "coronal_up"),
        ("Shift+PageDown", "coronal view: one slice back", "coronal_down"),
        ("Alt+PageUp", "sagittal view: one slice on", "sagittal_up"),
        ("Alt+PageDown", "sagittal view: one slice back", "sagittal_down"),
        ("Home", "fit all views", "fit"),
        ("d", "hide or show the panel", "panel"),
    ),
    "Correct": (
        ("b", "brush", "brush"),
        ("e", "eraser", "eraser"),
        ("x", "scissors", "scissors"),
        ("g", "smoothing", "smoothing"),
        ("v", "no tool: look only", "no_tool"),
        ("Ctrl+z", "undo", "undo"),
        ("Ctrl+y", "redo", "redo"),
        ("p", "propagate corrected slices to the others", "propagate"),
    ),
    "Labels and learning": (
        ("l", "save as label", "save_label"),
        ("n", "open the next case", "open_next"),
        ("t", "learn from the labels", "learn"),
        ("a", "use the new model", "accept"),
        ("r", "back to the former model", "revert"),
    ),
    "Export": (
        ("1", "DICOM SEG", "export_dicom"),
        ("2", "NIfTI", "export_nifti"),
        ("3", "NRRD", "export_nrrd"),
        ("4", "STL surface", "export_stl"),
        ("5", "open the saved DICOM SEG again", "open_saved"),
    ),
    "Help": (("?", "this list", "help"),),
}
ACTIONS = {key: action for group in SHORTCUTS.values() for key, _, action in group}
KEY_OF = {action: key for key, action in ACTIONS.items()}

# Runs in the page. Keys are caught before the views get them, unless somebody is typing, a dialog is
# open (only ? then works) or single keys have been switched off in the help.
SCRIPT = """
(() => {
  if (window.frugalsegKeys) { return; }
  const keys = window.frugalsegKeys = new Set(%s);
  const typing = (e) => e && (e.isContentEditable || e.tagName === 'TEXTAREA' || e.tagName === 'SELECT'
    || (e.tagName === 'INPUT' && !['checkbox', 'range', 'radio'].includes(e.type))
    || e.getAttribute('role') === 'combobox');
  const focusList = (tries) => { // the panel may only just be opening
    const first = document.querySelector('#series-list .v-list-item:not([aria-disabled="true"])');
    if (first) { first.focus(); } else if (tries > 0) { setTimeout(() => focusList(tries - 1), 100); }
  };
  window.addEventListener('keydown', (event) => {
    if (typing(event.target) || event.metaKey || !window.trame) { return; }
    const modifiers = (event.ctrlKey ? 'Ctrl+' : '') + (event.altKey ? 'Alt+' : '');
    const shift = event.shiftKey && event.key.length > 1 ? 'Shift+' : '';
    const key = modifiers + shift + (event.key.length === 1 ? event.key.toLowerCase() : event.key);
    const state = window.trame.state.state;
    const slider = event.target.getAttribute && event.target.getAttribute('role') === 'slider';
    if (!keys.has(key) || (slider && key.length > 1)
        || (key !== '?' && (state.fs_help || (key.length === 1 && !state.fs_keys)))) { return; }
    event.preventDefault();
    event.stopPropagation();
    window.trame.trigger('frugalseg_key', [key]);
    if (key === 'o') { focusList(20); }
  }, true);
})();
"""


def script():
    return SCRIPT % json.dumps(sorted(ACTIONS))
