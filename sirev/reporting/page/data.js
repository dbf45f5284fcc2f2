// The packed data: an index of all problems, and chunks of texts that are opened when they are needed.
const CHUNKS = new Map();
let INDEX = null;
let HAYSTACKS = [];

async function unpack(id) {
  const element = document.getElementById(id);
  const text = element.textContent;
  const bytes = Uint8Array.fromBase64 ? Uint8Array.fromBase64(text) : Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  const data = JSON.parse(await new Response(stream).text());
  element.remove(); // the packed form is no longer needed
  return data;
}

async function loadIndex() {
  INDEX = await unpack('explorer-index');
  const { id, prompt, answer } = INDEX.problems;
  HAYSTACKS = id.map((name, p) => `${name}\n${prompt[p]}\n${answer[p]}`.toLowerCase());
}

function loadChunk(number) {
  if (!CHUNKS.has(number)) CHUNKS.set(number, unpack(`explorer-${number}`));
  return CHUNKS.get(number);
}

// The answers to a problem: for each step of the run [{slot, text, cut, correct, reason} or null, ...], greedy first.
async function answersOf(problem, run) {
  const chunk = await loadChunk(Math.floor(problem / INDEX.chunk));
  return chunk.rows[problem % INDEX.chunk][run].map((cell) => {
    const answers = [];
    for (let i = 0; i < cell.length; i += 2) {
      const [text, verdict] = [cell[i], cell[i + 1]];
      answers.push(
        text < 0
          ? null
          : { slot: i / 2, text: chunk.texts[text], cut: chunk.cut[text] || 0, correct: verdict % 2 === 1, reason: INDEX.reasons[verdict >> 1] },
      );
    }
    return answers;
  });
}

// Whether the greedy answer of a step is right; null where there is none.
function greedyRight(run, step, problem) {
  const bits = INDEX.runs[run].right[step][problem];
  return bits < 0 ? null : (bits & 1) === 1;
}

function gained(run, step, problem) {
  return greedyRight(run, step, problem) === true && greedyRight(run, 0, problem) === false;
}

function lost(run, step, problem) {
  return greedyRight(run, step, problem) === false && greedyRight(run, 0, problem) === true;
}

function flippedAt(run, step, problem) {
  const [before, after] = [greedyRight(run, step - 1, problem), greedyRight(run, step, problem)];
  return before !== null && after !== null && before !== after;
}

function steps(run) {
  return INDEX.runs[run].steps;
}

// The choices of the filter "Problems": name, group, label, and which problems they keep.
function setsOf(run) {
  const sets = [{ name: 'all', label: 'all', keep: () => true }];
  const later = steps(run).map((t, step) => [t, step]).slice(1);
  for (const [t, step] of later) sets.push({ name: `is-${t}`, group: 'gained over M_1', label: `IS(${t})`, keep: (p) => gained(run, step, p) });
  for (const [t, step] of later) sets.push({ name: `ls-${t}`, group: 'lost since M_1', label: `LS(${t})`, keep: (p) => lost(run, step, p) });
  if (later.length) {
    sets.push({ name: 'flipped', group: 'flipped', label: 'at any step', keep: (p) => later.some(([, step]) => flippedAt(run, step, p)) });
  }
  for (const [t, step] of later) {
    sets.push({ name: `flip-${t}`, group: 'flipped', label: `M_${steps(run)[step - 1]} → M_${t}`, keep: (p) => flippedAt(run, step, p) });
  }
  sets.push({ name: 'right', group: 'greedy', label: 'right at every t', keep: (p) => steps(run).every((_, s) => greedyRight(run, s, p) === true) });
  sets.push({ name: 'wrong', group: 'greedy', label: 'wrong at every t', keep: (p) => steps(run).every((_, s) => greedyRight(run, s, p) === false) });
  return sets;
}

// Words, or phrases in double quotes.
function wordsOf(query) {
  return [...query.toLowerCase().matchAll(/"([^"]+)"|\S+/g)].map((found) => found[1] || found[0]);
}

// Problems whose id, text or expected answer holds all the words.
function searched(candidates, words) {
  return words.length ? candidates.filter((p) => words.every((word) => HAYSTACKS[p].includes(word))) : candidates;
}

// Problems that hold all the words once the run's answers are read as well; gives way to the browser every few milliseconds.
async function searchedInAnswers(candidates, words, run, stopped) {
  const found = [];
  let since = performance.now();
  for (const p of candidates) {
    const missing = words.filter((word) => !HAYSTACKS[p].includes(word));
    if (missing.length) {
      const texts = new Set((await answersOf(p, run)).flat().map((answer) => (answer ? answer.text : '')));
      const lower = [...texts].join('\n').toLowerCase();
      if (!missing.every((word) => lower.includes(word))) continue;
    }
    found.push(p);
    if (performance.now() - since > 10) {
      await new Promise((resume) => setTimeout(resume));
      since = performance.now();
    }
    if (stopped()) return null;
  }
  return found;
}

// Numbers in 0..1 that depend on the seed alone (mulberry32).
function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

// At most `size` right answers [{p, step, slot}] drawn without replacement from the given problems and steps of a run.
function sampleOfRight(run, problems, chosen, size, seed) {
  const all = [];
  for (const step of chosen) {
    for (const p of problems) {
      const bits = INDEX.runs[run].right[step][p];
      if (bits > 0) for (let slot = 0; bits >> slot; slot += 1) if ((bits >> slot) & 1) all.push({ p, step, slot });
    }
  }
  const random = randomFrom(seed);
  const count = Math.min(size, all.length);
  for (let i = 0; i < count; i += 1) {
    const other = i + Math.floor(random() * (all.length - i));
    [all[i], all[other]] = [all[other], all[i]];
  }
  return { items: all.slice(0, count), of: all.length };
}
