// What is alike and what is new in answers: their equations, or for code the lines that M_1's greedy answer lacks.
// Equations of plain numbers, as in sirev.metrics.equations; the look-behind keeps long runs of digits linear.
const EQUATION = /(?<!\d)\d+(?:\.\d+)?(?:\s*[-+*/]\s*\d+(?:\.\d+)?)+\s*=\s*-?\d+(?:\.\d+)?/g;
// A chain of sums that never reaches its "=" costs its length squared; no answer worth reading is longer than this.
const HIGHLIGHTED = 20000;
const LINES = 400;
const TINTS = 8;

// [{from, to, key}] of the equations in a text.
function equationSpans(text) {
  return [...text.slice(0, HIGHLIGHTED).matchAll(EQUATION)].map((found) => ({ from: found.index, to: found.index + found[0].length, key: found[0].replace(/\s+/g, '') }));
}

// For the answers to one problem: list of equations -> {tint, letter, count}; only lists that occur more than once have a tint.
function equationPaths(answers) {
  const counts = new Map();
  for (const answer of answers) {
    const key = equationKey(answer.text);
    if (key) counts.set(key, (counts.get(key) || 0) + 1);
  }
  const paths = new Map();
  const often = [...counts].sort((one, other) => other[1] - one[1]);
  for (const [key, count] of often) {
    const rank = paths.size;
    if (count > 1 && rank < TINTS) paths.set(key, { tint: rank, letter: String.fromCharCode(65 + rank), count });
  }
  return { paths, lists: counts.size };
}

function equationKey(text) {
  return equationSpans(text).map((span) => span.key).join(';');
}

// The lines of `text` that a longest common subsequence with `base` leaves out, as spans, with counts of both sides.
function newLines(text, base) {
  const [ours, theirs] = [text.split('\n').slice(0, LINES), base.split('\n').slice(0, LINES)].map((lines) => lines.map((line) => line.trimEnd()));
  const width = theirs.length + 1;
  const longest = new Uint16Array((ours.length + 1) * width);
  for (let i = ours.length - 1; i >= 0; i -= 1) {
    for (let j = theirs.length - 1; j >= 0; j -= 1) {
      longest[i * width + j] = ours[i] === theirs[j] ? longest[(i + 1) * width + j + 1] + 1 : Math.max(longest[(i + 1) * width + j], longest[i * width + j + 1]);
    }
  }
  const spans = [];
  const raw = text.split('\n');
  let [j, from, removed] = [0, 0, 0];
  for (let i = 0; i < ours.length; i += 1) {
    while (j < theirs.length && ours[i] !== theirs[j] && longest[i * width + j + 1] > longest[(i + 1) * width + j]) {
      removed += theirs[j] ? 1 : 0;
      j += 1;
    }
    if (j < theirs.length && ours[i] === theirs[j]) j += 1;
    else if (ours[i]) spans.push({ from, to: from + raw[i].length });
    from += raw[i].length + 1;
  }
  removed += theirs.slice(j).filter(Boolean).length;
  return { spans, added: spans.length, removed };
}
