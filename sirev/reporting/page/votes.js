// What a reader said of audited answers: kept by the browser for this study, and saved as a file on request.
const JUDGEMENTS = ['sound', 'flawed', 'unsure'];
let VOTES = null;

function votesKey() {
  return `sirev-audit-${INDEX.study}`;
}

function votes() {
  if (VOTES === null) {
    try {
      VOTES = JSON.parse(localStorage.getItem(votesKey())) || {};
    } catch {
      VOTES = {}; // a page opened from a file may have no storage; the votes then last as long as the page
    }
  }
  return VOTES;
}

function voteName(run, { p, step, slot }) {
  return JSON.stringify([INDEX.runs[run].label, INDEX.problems.id[p], steps(run)[step], slot]);
}

function voteOf(run, item) {
  const found = votes()[voteName(run, item)];
  return found ? found.vote : null;
}

function setVote(run, item, right, vote) {
  const name = voteName(run, item);
  if (vote === null) delete votes()[name];
  else votes()[name] = { vote, grade: right ? 'right' : 'wrong' };
  try {
    localStorage.setItem(votesKey(), JSON.stringify(votes()));
  } catch {
    // As above.
  }
}

function votesAsCsv() {
  const quoted = (value) => `"${String(value).replace(/"/g, '""')}"`;
  const rows = Object.entries(votes()).map(([name, { vote, grade }]) => {
    const [label, problem, t, slot] = JSON.parse(name);
    return [quoted(runName(label)), quoted(problem), t, slot ? `draw ${slot}` : 'greedy', grade, vote].join(',');
  });
  return ['run,problem,t,answer,grade,vote', ...rows, ''].join('\n');
}

function saveVotes() {
  const url = URL.createObjectURL(new Blob([votesAsCsv()], { type: 'text/csv' }));
  element('a', { href: url, download: 'audit.csv' }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
