// What a reader sees of each panel: its title, Grafana's error mark, its text, and the words that do not fit.
(() => {
  const cuts = (root) => {
    const found = [];
    for (const node of root.querySelectorAll('*')) {
      const style = getComputedStyle(node);
      const own = [...node.childNodes].some((one) => one.nodeType === 3 && one.data.trim());
      const hides = ['hidden', 'clip'].includes(style.overflowX) || style.textOverflow === 'ellipsis';
      const wide = node.scrollWidth > node.clientWidth + 1, high = node.scrollHeight > node.clientHeight + 4;
      // Grafana guesses how many lines a wrapped cell has; on a telephone it is often one short, until it is touched.
      const guessed = innerWidth < 500 && node.closest('[role="gridcell"]');
      if (own && hides && (wide || (high && !guessed))) {
        const box = node.getBoundingClientRect();
        if (box.width && box.height) found.push(node.textContent.trim().slice(0, 80));
      }
    }
    return found;
  };
  const panels = [...document.querySelectorAll('[data-viz-panel-key]')].map((root) => {
    const key = root.getAttribute('data-viz-panel-key') || '';
    const title = root.querySelector('h2')?.textContent || '';
    const status = root.querySelector('[data-testid*="Panel status"]');
    const content = root.querySelector('[data-testid="data-testid panel content"]');
    return {
      id: Number((key.match(/\d+/) || ['0'])[0]),
      title,
      error: status ? status.getAttribute('aria-label') || status.getAttribute('data-testid') : '',
      text: (content || root).innerText.slice(0, 4000),
      cut: cuts(root),
    };
  });
  return JSON.stringify(panels);
})();
