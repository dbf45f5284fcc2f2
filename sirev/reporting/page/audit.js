// A sample of answers, one at a time: right ones to read for flawed reasoning, wrong ones for a mistaken grade.
function startAudit(seed, step, right = true) {
  const chosen = step === null ? steps(state.run).map((_, i) => i) : [step];
  const { items, of } = sampleOf(right, state.run, state.found, chosen, AUDITED, seed);
  state.audit = { seed, step, right, items, of, at: 0 };
  $('audit').setAttribute('aria-pressed', 'true');
  showAudit();
}

function endAudit() {
  state.audit = null;
  $('audit').setAttribute('aria-pressed', 'false');
  if (state.problem >= 0 && state.found.length) showProblem();
  else showNothing('No matching problems.');
}

function auditMove(by) {
  const { audit } = state;
  if (!audit.items.length) return;
  audit.at = Math.min(Math.max(audit.at + by, 0), audit.items.length - 1);
  showAudit();
}

function judge(judgement) {
  const { audit } = state;
  if (!audit.items.length) return;
  const item = audit.items[audit.at];
  setVote(state.run, item, audit.right, voteOf(state.run, item) === judgement ? null : judgement);
  showAudit();
}

async function showAudit() {
  state.showing += 1;
  const ours = state.showing;
  const { audit, run } = state;
  const bar = element('div', { class: 'audit-bar' }, auditSteps(audit, run), auditSeed(audit), auditPager(audit), auditTally(audit, run), auditSave());
  if (!audit.items.length) {
    $('problem').replaceChildren(bar, element('p', { class: 'none', text: `No ${audit.right ? 'right' : 'wrong'} answer among these problems.` }));
    return;
  }
  const { p, step, slot } = audit.items[audit.at];
  const columns = await answersOf(p, run);
  if (ours !== state.showing) return;
  state.problem = p;
  revealRow(p);
  drawRows();
  const model = modelName(run, step);
  const card = answerCard(columns[step][slot], slot ? `draw ${slot}` : 'greedy', model, highlighter($('highlight').value, columns));
  card.querySelector('header b').textContent = `${model}, ${slot ? `draw ${slot}` : 'greedy'}`;
  const focused = document.activeElement?.dataset?.keep;
  $('problem').replaceChildren(bar, problemHead(p), element('div', { class: 'audited' }, card, auditJudge(audit, run)));
  if (focused) $('problem').querySelector(`[data-keep="${focused}"]`)?.focus();
}

function auditSteps(audit, run) {
  const grade = element('select', { 'data-keep': 'grade', 'aria-label': 'Grade' });
  fill(grade, [{ name: 'right', label: 'Right answers' }, { name: 'wrong', label: 'Wrong answers' }], audit.right ? 'right' : 'wrong');
  const model = element('select', { 'data-keep': 'of', 'aria-label': 'Model' });
  const options = [{ name: '', label: 'every model' }, ...steps(run).map((_, step) => ({ name: String(step), label: modelName(run, step) }))];
  fill(model, options, audit.step === null ? '' : String(audit.step));
  const again = () => startAudit(audit.seed, model.value === '' ? null : Number(model.value), grade.value === 'right');
  for (const select of [grade, model]) select.addEventListener('change', again);
  return element('span', {}, grade, ' of ', model);
}

function auditSeed(audit) {
  const input = element('input', { type: 'number', min: 0, step: 1, value: audit.seed, 'data-keep': 'seed' });
  input.addEventListener('change', () => startAudit(Math.max(0, Math.floor(Number(input.value) || 0)), audit.step, audit.right));
  return element('label', { title: 'Another number draws another sample', text: 'Sample ' }, input);
}

function auditPager(audit) {
  const count = audit.items.length;
  const text = count ? `${audit.at + 1} of ${count}, out of ${audit.of.toLocaleString('en')}` : 'none';
  const [previous, next] = [
    stepButton('‹', 'Previous answer', audit.at > 0, () => auditMove(-1)),
    stepButton('›', 'Next answer', audit.at < count - 1, () => auditMove(1)),
  ];
  previous.dataset.keep = 'previous';
  next.dataset.keep = 'next';
  return element('span', { class: 'pager' }, previous, element('span', { class: 'progress', text }), next);
}

function auditTally(audit, run) {
  const judged = audit.items.map((item) => voteOf(run, item));
  const counts = JUDGEMENTS.map((judgement) => `${judged.filter((one) => one === judgement).length} ${judgement}`);
  return element('span', { class: 'tally', role: 'status', text: counts.join(', ') });
}

// All votes on answers of this study, also those of other samples.
function auditSave() {
  const button = element('button', { type: 'button', 'data-keep': 'save', title: 'All your votes on this page, as CSV', text: 'Save votes' });
  button.disabled = !Object.keys(votes()).length;
  button.addEventListener('click', saveVotes);
  return button;
}

function auditJudge(audit, run) {
  const chosen = voteOf(run, audit.items[audit.at]);
  const buttons = JUDGEMENTS.map((judgement, i) => {
    const pressed = String(chosen === judgement);
    const button = element('button', { type: 'button', 'aria-pressed': pressed, 'data-keep': judgement, 'aria-keyshortcuts': i + 1, text: judgement });
    button.addEventListener('click', () => judge(judgement));
    return button;
  });
  return element('p', { class: 'judge' }, element('span', { text: audit.right ? 'The reasoning is' : 'The grade “wrong” is' }), ...buttons);
}
