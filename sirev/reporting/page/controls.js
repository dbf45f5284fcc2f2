// What the reader does: filters, keys, links to a problem; and the start of the explorer.
function saveLink() {
  const { id } = INDEX.problems;
  const link = `#p=${encodeURIComponent(id[state.problem])}&m=${encodeURIComponent(INDEX.runs[state.run].label)}`;
  try {
    history.replaceState(null, '', link);
  } catch {
    // Some viewers of attached pages forbid it; the page works without.
  }
}

// Follow #p=ID&m=METHOD; filters that would hide the problem are taken back. Returns whether the link named one.
function followLink() {
  if (!/[#&][pm]=/.test(location.hash)) return false;
  const parts = new URLSearchParams(location.hash.slice(1));
  const run = INDEX.runs.findIndex((one) => one.label === parts.get('m'));
  const problem = INDEX.problems.id.indexOf(parts.get('p'));
  if (run >= 0) setRun(run);
  if (problem < 0) return false;
  state.audit = null;
  $('audit').setAttribute('aria-pressed', 'false');
  state.problem = problem;
  if (!state.found.includes(problem)) {
    Object.assign(state, { set: 'all', level: '', query: '' });
    $('set').value = 'all';
    $('level').value = '';
    $('search').value = '';
  }
  refresh();
  choose(problem);
  return true;
}

function setRun(run) {
  state.run = run;
  $('run').value = String(run);
  fillFilters();
}

function listenToFilters() {
  const again = () => {
    refresh();
    if (!state.audit && state.found.length) showProblem();
  };
  $('search').addEventListener('input', () => {
    state.query = $('search').value;
    $('list').scrollTop = 0;
    refresh();
  });
  $('run').addEventListener('change', () => {
    setRun(Number($('run').value));
    again();
    if (state.problem >= 0) saveLink();
  });
  for (const name of ['set', 'level']) {
    $(name).addEventListener('change', () => {
      state[name] = $(name).value;
      $('list').scrollTop = 0;
      refresh();
    });
  }
  $('highlight').addEventListener('change', () => (state.audit ? showAudit() : again()));
  $('audit').addEventListener('click', () => (state.audit ? endAudit() : startAudit(1, null)));
  document.querySelector('.filters').addEventListener('submit', (event) => event.preventDefault());
}

function listenToList() {
  const list = $('list');
  list.addEventListener('scroll', drawRows, { passive: true });
  new ResizeObserver(drawRows).observe(list);
  list.addEventListener('click', (event) => {
    const row = event.target.closest('.row');
    if (!row) return;
    if (state.audit) endAudit();
    choose(Number(row.dataset.problem), { reveal: false });
  });
}

const KEYS = {
  '/': () => $('search').focus(),
  j: () => move(1),
  k: () => move(-1),
  ']': () => turn(1),
  '[': () => turn(-1),
  a: () => $('audit').click(),
};

function inView() {
  const { top, bottom } = $('explorer-body').getBoundingClientRect();
  if (bottom < 200 || top > innerHeight - 200) $('explorer').scrollIntoView();
}

function listenToKeys() {
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || $('help').open) return;
    const { target, key } = event;
    if (target.id === 'search' && key === 'Escape') {
      target.blur();
      $('list').focus({ preventScroll: true });
      return;
    }
    const arrows = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8, Home: -Infinity, End: Infinity };
    if (target.id === 'list' ? key in arrows : target.id === 'search' && /^Arrow(Down|Up)$/.test(key)) {
      event.preventDefault();
      move(arrows[key]);
      return;
    }
    if (target.closest('input, select, textarea')) return;
    if (state.audit && /^[123]$/.test(key)) {
      judge(JUDGEMENTS[Number(key) - 1]);
      return;
    }
    if (Object.hasOwn(KEYS, key)) {
      event.preventDefault();
      inView();
      KEYS[key]();
    }
  });
}

function listenToHelp() {
  $('keys').addEventListener('click', () => $('help').showModal());
  document.addEventListener('keydown', (event) => {
    if (event.key === '?' && !$('help').open && !event.target.closest('input, select, textarea')) $('help').showModal();
  });
}

function nothing(text) {
  $('explorer-none').textContent = text;
  $('explorer-none').hidden = false;
  document.documentElement.dataset.ready = 'true';
}

document.addEventListener('DOMContentLoaded', async () => {
  listenToHelp();
  if (!('DecompressionStream' in window)) {
    nothing('This browser is too old to open the answers (no DecompressionStream).');
    return;
  }
  try {
    await loadIndex();
  } catch (error) {
    nothing(`The answers in this page can't be opened: ${error.message}`);
    return;
  }
  if (!INDEX.runs.length || !INDEX.problems.id.length) {
    nothing(INDEX.lost ? 'The answers are missing from the store (see the top of the page).' : 'This report has no answers to look at.');
    return;
  }
  $('explorer-body').hidden = false;
  $('explorer-body').dataset.kind = INDEX.kind;
  $('highlight').value = { math: 'equations', code: 'lines' }[INDEX.kind] || '';
  fill($('run'), INDEX.runs.map((run, i) => ({ name: String(i), label: runName(run.label) })), '0');
  const levels = [...new Set(INDEX.problems.level)].filter(Boolean).sort((one, other) => one.localeCompare(other, 'en', { numeric: true }));
  fill($('level'), [{ name: '', label: 'all' }, ...levels.map((level) => ({ name: level, label: level }))], '');
  $('level').closest('label').hidden = !levels.length;
  setRun(0);
  listenToFilters();
  listenToList();
  listenToKeys();
  addEventListener('hashchange', followLink);
  const asked = followLink();
  if (!asked) {
    refresh();
    if (location.hash.includes('=')) saveLink();
  } else $('explorer').scrollIntoView();
  document.documentElement.dataset.ready = 'true';
});
