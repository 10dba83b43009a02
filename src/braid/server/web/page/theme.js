// Chooses light or dark before anything is drawn: the user's choice, else the system's. Not a module, so that it runs
// before the first paint; sets document.documentElement.dataset.theme, which is all that the style sheets look at.
'use strict';

(() => {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const apply = () => {
    let choice = 'auto';
    try {
      choice = localStorage.getItem('braid.theme') ?? 'auto';
    } catch {
      // no storage: the system's colours
    }
    const isDark = choice === 'dark' || (choice !== 'light' && dark.matches);
    document.documentElement.dataset.theme = isDark ? 'dark' : 'light';
  };
  apply();
  dark.addEventListener('change', apply);
  addEventListener('braid-theme', apply);
  addEventListener('storage', apply);
})();
