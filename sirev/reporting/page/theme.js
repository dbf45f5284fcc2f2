// Light, dark, or as the system has it. What was chosen stays for the next visit where the browser allows it.
const THEMES = { auto: ['◐', 'system'], light: ['☀', 'light'], dark: ['☾', 'dark'] };

function setTheme(theme) {
  if (theme === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  const button = document.getElementById('theme');
  if (!button) return;
  button.textContent = THEMES[theme][0];
  button.setAttribute('aria-label', `Theme: ${THEMES[theme][1]}`);
  button.title = `Theme: ${THEMES[theme][1]}`;
}

function savedTheme() {
  try {
    const saved = localStorage.getItem('sirev-theme');
    return saved in THEMES ? saved : 'auto';
  } catch {
    return 'auto';
  }
}

setTheme(savedTheme()); // at once, so that nothing flashes
document.addEventListener('DOMContentLoaded', () => {
  setTheme(savedTheme());
  let theme = savedTheme();
  document.getElementById('theme').addEventListener('click', () => {
    const names = Object.keys(THEMES);
    theme = names[(names.indexOf(theme) + 1) % names.length];
    setTheme(theme);
    try {
      localStorage.setItem('sirev-theme', theme);
    } catch {
      // A page opened from a file may have no storage; the choice then lasts as long as the page.
    }
  });
});
