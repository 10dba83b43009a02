// Chooses light or dark before anything is drawn: the user's choice, else the system's. Not a module, so that it runs
// before the first paint. Sets document.documentElement.dataset.theme, the only thing that the style sheets look at.
'use strict';

(() => {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const apply = () => {
    let choice = 'auto';
    try {
      choice = localStorage.getItem('braid.theme') ?? 'auto';
    } catch {
      // no storage: use the system's colours
    }
    const isDark = choice === 'dark' || (choice !== 'light' && dark.matches);
    document.documentElement.dataset.theme = isDark ? 'dark' : 'light';
  };
  apply();
  dark.addEventListener('change', apply);
  addEventListener('braid-theme', apply);
  addEventListener('storage', apply);
})();
