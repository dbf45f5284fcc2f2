// The explorer: filters, a list that draws only the rows in view, and the answers of every M_t side by side.
const ROW = 58;
const DRAWS = 4;
const AUDITED = 20;
const state = { run: 0, set: 'all', level: '', query: '', found: [], problem: -1, page: 0, audit: null, showing: 0, search: 0 };
const $ = (id) => document.getElementById(id);

function runName(label) {
  const parts = /^(.*) (\d+)$/.exec(label);
  return parts ? `${parts[1]}, seed ${parts[2]}` : label;
}

function fill(select, options, chosen) {
  select.replaceChildren();
  let group = null;
  for (const option of options) {
    if (option.group && (!group || group.label !== option.group)) {
      group = element('optgroup', { label: option.group });
      select.append(group);
    }
    (option.group ? group : select).append(element('option', { value: option.name, text: option.label }));
  }
  select.value = options.some((option) => option.name === chosen) ? chosen : options[0].name;
  return select.value;
}

// The filters keep what they can from run to run; the counts say how many problems each choice has.
function fillFilters() {
  const everything = INDEX.problems.id.map((_, p) => p);
  const sets = setsOf(state.run).map((set) => ({ ...set, label: `${set.label} (${everything.filter(set.keep).length})` }));
  state.set = fill($('set'), sets, state.set);
}

function filtered() {
  const set = setsOf(state.run).find((one) => one.name === state.set);
  $('set-meaning').textContent = set.means;
  const levels = INDEX.problems.level;
  return levels.map((_, p) => p).filter((p) => (!state.level || levels[p] === state.level) && set.keep(p));
}

// What the problems' own words give is there at once; what only the answers hold follows.
function refresh() {
  const candidates = filtered();
  const words = wordsOf(state.query);
  state.search += 1;
  const ours = state.search;
  show(searched(candidates, words), words.length ? ', looking into the answers …' : '');
  if (!words.length) return;
  setTimeout(async () => {
    if (ours !== state.search) return;
    const found = await searchedInAnswers(candidates, words, state.run, () => ours !== state.search);
    if (found && ours === state.search) show(found, '');
  }, 60);
}

function show(found, more) {
  state.found = found;
  const total = INDEX.problems.id.length;
  $('found').textContent = `${found.length.toLocaleString('en')} of ${total.toLocaleString('en')} problems${more}`;
  $('rows').style.height = `${found.length * ROW}px`;
  if (state.audit) {
    startAudit(state.audit.seed, state.audit.step, state.audit.right);
    drawRows();
    return;
  }
  if (found.length && !found.includes(state.problem)) choose(found[0], { reveal: false, link: false });
  else if (!found.length) showNothing(more ? 'Looking into the answers …' : 'No matching problems.');
  else if (!$('problem').querySelector('.columns')) showProblem();
  drawRows();
}

function showNothing(text) {
  state.showing += 1;
  $('problem').replaceChildren(element('p', { class: 'none', text }));
}

function drawRows() {
  const list = $('list');
  const first = Math.max(0, Math.floor(list.scrollTop / ROW) - 4);
  const last = Math.min(state.found.length, first + Math.ceil(list.clientHeight / ROW) + 8);
  const rows = [];
  for (let i = first; i < last; i += 1) rows.push(problemRow(i));
  $('rows').replaceChildren(...rows);
  const at = state.found.indexOf(state.problem);
  if (at >= first && at < last) list.setAttribute('aria-activedescendant', `row-${at}`);
  else list.removeAttribute('aria-activedescendant');
}

function problemRow(i) {
  const p = state.found[i];
  const marks = element('span', { class: 'marks', 'aria-hidden': 'true' });
  const right = [];
  steps(state.run).forEach((_, step) => {
    const correct = greedyRight(state.run, step, p);
    if (correct) right.push(modelName(state.run, step));
    marks.append(correct === null ? element('span', { class: 'sign', text: '·' }) : verdictSign(correct));
  });
  const { id, prompt } = INDEX.problems;
  let said = `${id[p]}, greedy correct at ${right.join(', ') || 'no model'}`;
  if (!hasGreedy(state.run)) {
    const drawn = INDEX.runs[state.run].counts.map((counts) => counts[p][0]).join(' ');
    marks.replaceChildren(element('span', { title: 'Correct draws of each model', text: drawn }));
    said = `${id[p]}, correct draws of each model: ${drawn}`;
  }
  const row = element(
    'div',
    { role: 'option', id: `row-${i}`, class: 'row', 'aria-selected': String(p === state.problem), 'aria-label': said, 'aria-setsize': state.found.length, 'aria-posinset': i + 1 },
    element('span', { class: 'id', text: id[p] }),
    marks,
    element('span', { class: 'snippet', text: prompt[p].slice(0, 120) }),
  );
  row.style.top = `${i * ROW}px`;
  row.dataset.problem = p;
  return row;
}

function choose(p, { reveal = true, link = true } = {}) {
  state.problem = p;
  state.page = 0;
  if (reveal) revealRow(p);
  drawRows();
  showProblem();
  if (link) saveLink();
}

// The chosen row stays in the upper part of the list: the lower one may lie below the edge of the window.
function revealRow(p) {
  const list = $('list');
  const top = state.found.indexOf(p) * ROW;
  if (top < list.scrollTop) list.scrollTop = top - ROW;
  else if (top + ROW > list.scrollTop + 0.6 * list.clientHeight) list.scrollTop = top - 0.5 * list.clientHeight;
}

function move(by) {
  if (state.audit) {
    auditMove(by);
    return;
  }
  if (!state.found.length) return;
  const at = state.found.indexOf(state.problem);
  choose(state.found[Math.min(Math.max(at + by, 0), state.found.length - 1)]);
}

function problemHead(p, level = 'h3') {
  const { id, prompt, answer } = INDEX.problems;
  const chips = [];
  if (INDEX.problems.level[p]) chips.push([`level ${INDEX.problems.level[p]}`, null]);
  steps(state.run).forEach((t, step) => {
    if (step && gained(state.run, step, p)) chips.push([`IS(${t})`, `M_${t} gets it right and M_1 wrong, both greedy`]);
    if (step && lost(state.run, step, p)) chips.push([`LS(${t})`, `M_1 gets it right and M_${t} wrong, both greedy`]);
  });
  return element(
    'header',
    { class: 'problem-head' },
    element(level, { text: id[p] }),
    element('p', { class: 'chips' }, ...chips.map(([text, title]) => element('span', { class: 'chip', title, text }))),
    element('div', { class: 'prompt' }, longText(prompt[p], [], '')),
    answer[p] ? element('div', { class: 'expected' }, element('b', { text: 'Expected' }), longText(answer[p], [], '')) : null,
  );
}

async function showProblem() {
  state.showing += 1;
  const ours = state.showing;
  const [p, run] = [state.problem, state.run];
  const columns = await answersOf(p, run);
  if (ours !== state.showing) return; // another problem was chosen meanwhile
  const highlight = highlighter($('highlight').value, columns);
  const draws = Math.max(0, ...columns.map((column) => column.length - 1));
  const pages = Math.max(1, Math.ceil(draws / DRAWS));
  state.page = Math.min(Math.max(state.page, 0), pages - 1);
  const from = state.page * DRAWS + 1;
  const slots = hasGreedy(run) ? [0] : [];
  for (let slot = from; slot < from + DRAWS && slot <= draws; slot += 1) slots.push(slot);
  const grid = element('div', { class: 'columns', tabindex: '0', role: 'group', 'aria-label': 'Answers of every model' });
  grid.style.gridTemplateRows = `repeat(${slots.length + 1}, auto)`;
  columns.forEach((column, step) => {
    const [right, of] = INDEX.runs[run].counts[step][p];
    const lost = INDEX.runs[run].lost[step];
    const share = of ? `${right} of ${of} draws right` : lost.includes('draws') ? 'draws missing from the store' : 'no draws';
    const head = element('header', { class: 'column-head' }, element('h4', { text: modelName(run, step) }), element('span', { text: share }));
    const cards = slots.map((slot) => answerCard(column[slot], slot ? `draw ${slot}` : 'greedy', modelName(run, step), highlight, lost.includes(slot ? 'draws' : 'greedy')));
    grid.append(element('div', { class: 'column' }, head, ...cards));
  });
  const scrolled = $('problem').querySelector('.columns')?.scrollLeft || 0;
  $('problem').replaceChildren(...[problemHead(p), drawPager(draws, slots, pages, sampledMost(run, p)), legend(columns), grid].filter(Boolean));
  grid.scrollLeft = scrolled;
}

// The most draws that a model has of a problem, on this page or not.
function sampledMost(run, p) {
  return Math.max(0, ...INDEX.runs[run].counts.map((counts) => counts[p][1]));
}

// What the letters on the answers mean, where there are any.
function legend(columns) {
  if ($('highlight').value !== 'equations' || !equationPaths(columns.flat().filter(Boolean)).paths.size) return null;
  return element('p', { class: 'notes', text: 'A ×3: one of three answers on this page with the same list of equations; each such list has a letter and a colour.' });
}

function drawPager(draws, slots, pages, most) {
  if (!draws) return element('p', { class: 'pager', text: 'Greedy answers only.' });
  const shown = slots[0] === 0 ? `Greedy, and draws ${slots[1]}` : `Draws ${slots[0]}`;
  const text = `${shown} to ${slots[slots.length - 1]} of ${draws} on this page${most > draws ? ` (${most} were sampled; for all of them: sirev report html --draws ${most})` : ''}`;
  return element('p', { class: 'pager' }, stepButton('‹', 'Previous draws', state.page > 0, () => turn(-1)), element('span', { text }), stepButton('›', 'Next draws', state.page < pages - 1, () => turn(1)));
}

function stepButton(sign, name, enabled, action) {
  const button = element('button', { type: 'button', 'aria-label': name, title: name, text: sign });
  button.disabled = !enabled;
  button.addEventListener('click', action);
  return button;
}

function turn(by) {
  if (state.audit || state.problem < 0) return;
  state.page += by;
  showProblem();
}
