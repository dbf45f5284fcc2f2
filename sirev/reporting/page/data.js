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

// Whether any model of the run has a greedy answer, on this page or lost.
function hasGreedy(run) {
  const { right, lost } = INDEX.runs[run];
  return lost.some((names) => names.includes('greedy')) || right.some((bits) => bits.some((packed) => packed >= 0));
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

// "M_2", or "M_2 round-1" where the steps have names; as step_label of run_rows.py has it.
function modelName(run, step) {
  const { steps: ts, names } = INDEX.runs[run];
  const model = `M_${ts[step]}`;
  const name = (names && names[step]) || model;
  if (name === model) return model;
  return /^m_?\d+$/i.test(name) ? `${model} "${name}"` : `${model} ${name}`;
}

// The choices of the filter "Problems": name, group, label, what it means, and which problems they keep.
function setsOf(run) {
  const sets = [{ name: 'all', label: 'all', means: '', keep: () => true }];
  const later = steps(run).map((t, step) => [t, step]).slice(1);
  const last = steps(run).length - 1;
  const name = modelName(run, last);
  if (!hasGreedy(run)) {
    const drawn = (p) => INDEX.runs[run].counts[last][p];
    sets.push({ name: 'none-last', label: `no draw right at ${name}`, means: `None of ${name}’s draws is right.`, keep: (p) => drawn(p)[1] > 0 && drawn(p)[0] === 0 });
    sets.push({ name: 'some-last', label: `some draws right at ${name}`, means: `Some of ${name}’s draws are right and some wrong.`, keep: (p) => drawn(p)[0] > 0 && drawn(p)[0] < drawn(p)[1] });
    sets.push({ name: 'every-last', label: `every draw right at ${name}`, means: `All of ${name}’s draws are right.`, keep: (p) => drawn(p)[1] > 0 && drawn(p)[0] === drawn(p)[1] });
    return sets;
  }
  if (later.length) {
    sets.push({ name: 'wrong-last', group: 'last model', label: `wrong at ${name}`, means: `${name}’s greedy answer is wrong.`, keep: (p) => greedyRight(run, last, p) === false });
    sets.push({ name: 'right-last', group: 'last model', label: `right at ${name}`, means: `${name}’s greedy answer is right.`, keep: (p) => greedyRight(run, last, p) === true });
  }
  for (const [t, step] of later) sets.push({ name: `is-${t}`, group: 'gained over M_1', label: `IS(${t}): newly right at M_${t}`, means: `IS(${t}), the improvement set: ${modelName(run, step)} gets these problems right and M_1 wrong, both greedy.`, keep: (p) => gained(run, step, p) });
  for (const [t, step] of later) sets.push({ name: `ls-${t}`, group: 'lost since M_1', label: `LS(${t}): lost at M_${t}`, means: `LS(${t}), the lost set: M_1 gets these problems right and ${modelName(run, step)} wrong, both greedy.`, keep: (p) => lost(run, step, p) });
  if (later.length) {
    sets.push({ name: 'flipped', group: 'flipped', label: 'at any step', means: 'The greedy answer turned from right to wrong or from wrong to right between two models.', keep: (p) => later.some(([, step]) => flippedAt(run, step, p)) });
  }
  for (const [t, step] of later) {
    sets.push({ name: `flip-${t}`, group: 'flipped', label: `M_${steps(run)[step - 1]} → M_${t}`, means: `The greedy answers of ${modelName(run, step - 1)} and ${modelName(run, step)} differ in being right.`, keep: (p) => flippedAt(run, step, p) });
  }
  sets.push({ name: 'right', group: 'every model', label: 'right at every model', means: 'Every model’s greedy answer is right.', keep: (p) => steps(run).every((_, s) => greedyRight(run, s, p) === true) });
  sets.push({ name: 'wrong', group: 'every model', label: 'wrong at every model', means: 'Every model’s greedy answer is wrong.', keep: (p) => steps(run).every((_, s) => greedyRight(run, s, p) === false) });
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

// At most `size` right or wrong answers [{p, step, slot}] drawn without replacement from the given problems and steps of a run.
function sampleOf(right, run, problems, chosen, size, seed) {
  const all = [];
  for (const step of chosen) {
    for (const p of problems) {
      const packed = INDEX.runs[run].right[step][p];
      const bits = packed < 0 ? -packed - 1 : packed;
      const last = Math.min(INDEX.runs[run].counts[step][p][1], INDEX.draws);
      for (let slot = packed < 0 ? 1 : 0; slot <= last; slot += 1) if (((bits >> slot) & 1) === Number(right)) all.push({ p, step, slot });
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
