// One answer as an element. Texts of models reach the page as text nodes, never as HTML.
const SHORT = 3000;

function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (key === 'class') made.className = value;
    else if (key === 'text') made.textContent = value;
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// `text` up to `limit`, the spans in <mark> of the given class.
function marked(text, spans, limit, style) {
  const parts = document.createDocumentFragment();
  let at = 0;
  for (const { from, to } of spans) {
    if (to > limit) break;
    parts.append(text.slice(at, from), element('mark', { class: style, text: text.slice(from, to) }));
    at = to;
  }
  parts.append(text.slice(at, limit));
  return parts;
}

// A text that shows its first part, and the rest on request.
function longText(text, spans, style, cut = 0) {
  const box = element('div', { class: 'text' });
  const body = element('pre', { dir: 'auto' });
  body.append(marked(text, spans, SHORT, style));
  box.append(body);
  const left = cut ? element('p', { class: 'cut', text: `${cut.toLocaleString('en')} more characters are not in this page.` }) : null;
  if (text.length > SHORT) {
    const more = element('button', { type: 'button', class: 'more', 'aria-expanded': 'false', text: `Show all ${text.length.toLocaleString('en')} characters` });
    more.addEventListener('click', () => {
      const open = more.getAttribute('aria-expanded') === 'true';
      body.replaceChildren(marked(text, spans, open ? SHORT : text.length, style));
      box.classList.toggle('whole', !open);
      more.setAttribute('aria-expanded', String(!open));
      more.textContent = open ? `Show all ${text.length.toLocaleString('en')} characters` : 'Show less';
    });
    box.append(more);
  }
  if (left) box.append(left);
  return box;
}

// How the answers to a problem are highlighted: a function from an answer to {spans, style, note}.
function highlighter(mode, columns) {
  const plain = () => ({ spans: [], style: '', note: null });
  if (mode === 'equations') {
    const { paths } = equationPaths(columns.flat().filter(Boolean));
    return (answer) => {
      const spans = equationSpans(answer.text);
      if (!spans.length) return { spans, style: '', note: null };
      const path = paths.get(spans.map((span) => span.key).join(';'));
      if (!path) return { spans, style: 'once', note: null };
      const said = `${path.count} of the answers to this problem have these equations`;
      const note = element('span', { class: `path tint-${path.tint}`, title: said, 'aria-label': `equations ${path.letter}`, text: `${path.letter} ×${path.count}` });
      return { spans, style: `tint-${path.tint}`, note };
    };
  }
  const base = columns[0] && columns[0][0];
  if (mode === 'lines' && base) {
    return (answer) => {
      if (answer === base) return { spans: [], style: '', note: element('span', { class: 'path', text: 'base' }) };
      const { spans, added, removed } = newLines(answer.text, base.text);
      const note = element('span', { class: 'path', title: 'Lines added and removed against M_1’s greedy answer', text: added || removed ? `+${added} −${removed}` : 'as M_1' });
      return { spans, style: 'new', note };
    };
  }
  return plain;
}

function verdictSign(correct) {
  return element('span', { class: correct ? 'sign right' : 'sign wrong', 'aria-hidden': 'true', text: correct ? '✓' : '✗' });
}

function answerCard(answer, name, model, highlight, lost) {
  if (!answer) {
    const said = lost ? 'Missing from the store (see the top of the page).' : name === 'greedy' ? 'No greedy answer was sampled.' : 'Not sampled.';
    return element('div', { class: lost ? 'answer absent lost' : 'answer absent' }, element('p', { text: said }));
  }
  const { spans, style, note } = highlight(answer);
  const word = answer.correct ? 'right' : 'wrong';
  const reason = answer.reason && answer.reason !== word ? answer.reason : word;
  const head = element('header', {}, verdictSign(answer.correct), element('b', { text: name }), element('span', { class: 'reason', text: reason }), note);
  const said = `${model}, ${name}: ${word}`;
  const text = answer.text ? longText(answer.text, spans, style, answer.cut) : element('p', { class: 'empty', text: 'an empty answer' });
  return element('section', { class: `answer ${word}${name === 'greedy' ? ' greedy' : ''}`, 'aria-label': said }, head, text);
}
