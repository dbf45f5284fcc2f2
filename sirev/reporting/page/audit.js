// A sample of right answers, one at a time, to read for reasoning that is wrong all the same.
const JUDGEMENTS = ['sound', 'flawed', 'unsure'];

function startAudit(seed, step) {
  const chosen = step === null ? steps(state.run).map((_, i) => i) : [step];
  const { items, of } = sampleOfRight(state.run, state.found, chosen, AUDITED, seed);
  state.audit = { seed, step, items, of, at: 0, judged: items.map(() => null) };
  $('audit').setAttribute('aria-pressed', 'true');
  showAudit();
}

function endAudit() {
  state.audit = null;
  $('audit').setAttribute('aria-pressed', 'false');
  if (state.problem >= 0 && state.found.length) showProblem();
  else showNothing('No problem passes these filters.');
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
  audit.judged[audit.at] = audit.judged[audit.at] === judgement ? null : judgement;
  showAudit();
}

async function showAudit() {
  state.showing += 1;
  const ours = state.showing;
  const { audit, run } = state;
  const bar = element('div', { class: 'audit-bar' }, auditSteps(audit, run), auditSeed(audit), auditPager(audit), auditTally(audit));
  if (!audit.items.length) {
    $('problem').replaceChildren(bar, element('p', { class: 'none', text: 'No right answer among these problems.' }));
    return;
  }
  const { p, step, slot } = audit.items[audit.at];
  const columns = await answersOf(p, run);
  if (ours !== state.showing) return;
  state.problem = p;
  revealRow(p);
  drawRows();
  const t = steps(run)[step];
  const card = answerCard(columns[step][slot], slot ? `draw ${slot}` : 'greedy', t, highlighter($('highlight').value, columns));
  card.querySelector('header b').textContent = `M_${t}, ${slot ? `draw ${slot}` : 'greedy'}`;
  const focused = document.activeElement?.dataset?.keep;
  $('problem').replaceChildren(bar, problemHead(p), element('div', { class: 'audited' }, card, auditJudge(audit)));
  if (focused) $('problem').querySelector(`[data-keep="${focused}"]`)?.focus();
}

function auditSteps(audit, run) {
  const select = element('select', { 'data-keep': 'of' });
  const options = [{ name: '', label: 'every M_t' }, ...steps(run).map((t, step) => ({ name: String(step), label: `M_${t}` }))];
  fill(select, options, audit.step === null ? '' : String(audit.step));
  select.addEventListener('change', () => startAudit(audit.seed, select.value === '' ? null : Number(select.value)));
  return element('label', { text: 'Right answers of ' }, select);
}

function auditSeed(audit) {
  const input = element('input', { type: 'number', min: 0, step: 1, value: audit.seed, 'data-keep': 'seed' });
  input.addEventListener('change', () => startAudit(Math.max(0, Math.floor(Number(input.value) || 0)), audit.step));
  return element('label', { text: 'Sample ' }, input);
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

function auditTally(audit) {
  const counts = JUDGEMENTS.map((judgement) => `${audit.judged.filter((one) => one === judgement).length} ${judgement}`);
  return element('span', { class: 'tally', role: 'status', text: counts.join(', ') });
}

function auditJudge(audit) {
  const buttons = JUDGEMENTS.map((judgement, i) => {
    const pressed = String(audit.judged[audit.at] === judgement);
    const button = element('button', { type: 'button', 'aria-pressed': pressed, 'data-keep': judgement, 'aria-keyshortcuts': i + 1, text: judgement });
    button.addEventListener('click', () => judge(judgement));
    return button;
  });
  return element('p', { class: 'judge' }, element('span', { text: 'The reasoning is' }), ...buttons);
}
