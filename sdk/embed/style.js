/** How it looks where the portal says nothing: its own font and colours, by custom properties and parts. */

export const STYLE = new CSSStyleSheet();

STYLE.replaceSync(`
  :host {
    display: block;
    --line: var(--guildhall-line, color-mix(in srgb, currentColor 18%, transparent));
    --muted: var(--guildhall-muted, color-mix(in srgb, currentColor 65%, transparent));
    --accent: var(--guildhall-accent, #1257a8);
    --gap: var(--guildhall-gap, 0.75rem);
    line-height: 1.45;
  }
  ol { list-style: none; margin: 0; padding: 0; }
  [part~=list] > li { border-block-end: 1px solid var(--line); }
  summary { cursor: pointer; padding-block: var(--gap); }
  [part~=title] { font-weight: 600; }
  [part~=about] { display: block; color: var(--muted); }
  [part~=summary] > [part~=about] { margin-inline-start: 1.1em; }
  [part~=thread] { padding-inline-start: 1.1em; padding-block-end: var(--gap); }
  [part~=reply] { padding: var(--gap); margin-block: var(--gap); border-inline-start: 2px solid var(--line); }
  [part~=accepted] { border-inline-start-color: var(--accent); }
  [part~=mark] { color: var(--accent); }
  [part~=prose] { overflow-wrap: anywhere; }
  [part~=prose] :is(pre, table) { overflow-x: auto; max-inline-size: 100%; display: block; }
  [part~=prose] > :first-child { margin-block-start: 0; }
  form, label { display: grid; gap: 0.3rem; }
  form { gap: var(--gap); padding-block: var(--gap); justify-items: start; }
  label { inline-size: 100%; color: var(--muted); }
  input, textarea {
    font: inherit; padding: 0.5rem; inline-size: 100%; box-sizing: border-box; color: CanvasText;
    background: Canvas; border: 1px solid var(--line); border-radius: 4px;
  }
  [aria-invalid] { outline: 2px solid #b3261e; }
  button {
    font: inherit; padding: 0.4rem 0.9rem; cursor: pointer; color: var(--accent); background: none;
    border: 1px solid currentColor; border-radius: 4px;
  }
  button[disabled] { opacity: 0.5; cursor: progress; }
  [role=alert] { color: #b3261e; margin: 0; }
  [part~=foot] { padding-block: var(--gap); }
`);
