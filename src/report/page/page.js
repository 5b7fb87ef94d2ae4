'use strict';
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const byId = id => document.getElementById(id);
  const search = byId('search');
  const detail = byId('detail');
  const ROW = 22;
  const KEPT = 300;
  let chosen = null;

  const element = (name, text, className) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  };
  const words = () => search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const matches = (text, wanted) => wanted.every(word => text.includes(word));

  // Packages: a click on a row or on a node shows the evidence.
  const rows = [...document.querySelectorAll('tr[data-attr]')];
  const nodes = [...document.querySelectorAll('.picture .node')];
  const edges = [...document.querySelectorAll('.picture .edge')];

  const choose = name => {
    chosen = chosen === name ? null : name;
    rows.forEach(row => {
      const is = row.dataset.attr === chosen;
      row.classList.toggle('chosen', is);
      row.setAttribute('aria-expanded', is);
    });
    document.querySelectorAll('.picture').forEach(picture => light(picture));
    show();
  };

  const light = picture => {
    const own = [...picture.querySelectorAll('.node')];
    const at = new Set(own.filter(node => node.dataset.name === chosen).map(node => node.dataset.node));
    own.forEach(node => node.classList.toggle('chosen', at.has(node.dataset.node)));
    picture.querySelectorAll('.edge').forEach(edge =>
      edge.classList.toggle('lit', at.has(edge.dataset.from) || at.has(edge.dataset.to)));
  };

  const show = () => {
    detail.replaceChildren();
    detail.hidden = chosen === null;
    if (chosen === null) return;
    const known = data.packages.find(it => it.attr === chosen);
    detail.append(element('h3', chosen, 'mono'));
    if (!known) {
      detail.append(element('p', 'A program of the run; its edges are lit in the graph.', 'soft'));
      return;
    }
    if (known.implied) detail.append(element('p', 'Not listed: ' + known.implied + ' has it.', 'soft'));
    const reasons = element('ol');
    known.because.forEach(reason => reasons.append(element('li', reason)));
    detail.append(reasons);
    known.chains.forEach(chain => {
      const list = element('ol', undefined, 'chain');
      if (chain.run) list.append(element('li', 'run ' + chain.run, 'soft'));
      chain.links.forEach(([what, how]) => {
        const item = element('li', what + ' ');
        item.append(element('span', how, 'soft'));
        list.append(item);
      });
      detail.append(list);
    });
    detail.scrollIntoView({ block: 'nearest' });
  };

  rows.forEach(row => {
    row.addEventListener('click', () => choose(row.dataset.attr));
    row.addEventListener('keydown', event => {
      if (event.key === 'Enter' || event.key === ' ') {
        event.preventDefault();
        choose(row.dataset.attr);
      }
    });
  });
  nodes.forEach(node => node.addEventListener('click', () => choose(node.dataset.name)));

  // The graph: drag to move, wheel or buttons to zoom.
  document.querySelectorAll('.graph').forEach(graph => {
    const svg = graph.querySelector('svg');
    const whole = svg.viewBox.baseVal;
    const first = [whole.x, whole.y, whole.width, whole.height];
    let view = first.slice();
    const apply = () => svg.setAttribute('viewBox', view.join(' '));
    const zoom = (factor, x = view[0] + view[2] / 2, y = view[1] + view[3] / 2) => {
      const width = Math.min(first[2] * 4, Math.max(80, view[2] * factor));
      const scale = width / view[2];
      view = [x - (x - view[0]) * scale, y - (y - view[1]) * scale, width, view[3] * scale];
      apply();
    };
    const at = event => {
      const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      return [point.x, point.y];
    };
    svg.addEventListener('wheel', event => {
      if (!event.ctrlKey && !event.shiftKey) return;
      event.preventDefault();
      zoom(event.deltaY > 0 ? 1.2 : 1 / 1.2, ...at(event));
    }, { passive: false });
    let held = null;
    svg.addEventListener('pointerdown', event => { held = at(event); });
    svg.addEventListener('pointermove', event => {
      if (!held || !event.buttons) return;
      const now = at(event);
      view[0] += held[0] - now[0];
      view[1] += held[1] - now[1];
      apply();
    });
    svg.addEventListener('pointerup', () => { held = null; });
    graph.querySelector('[data-zoom="in"]').addEventListener('click', () => zoom(1 / 1.4));
    graph.querySelector('[data-zoom="out"]').addEventListener('click', () => zoom(1.4));
    graph.querySelector('[data-zoom="all"]').addEventListener('click', () => { view = first.slice(); apply(); });
  });

  // Processes: only the rows in sight exist, so ten thousand cost as much as fifty.
  const timelines = [...document.querySelectorAll('.processes')].map(box => {
    const run = data.runs[Number(box.dataset.run)];
    const list = run.processes;
    const end = Math.max(1, run.end);
    const lower = list.text.map((text, at) => (list.pid[at] + ' ' + text).toLowerCase());
    const sheet = element('div');
    let shown = [];
    box.append(sheet);
    const draw = () => {
      const top = Math.max(0, Math.floor(box.scrollTop / ROW) - 5);
      const bottom = Math.min(shown.length, top + Math.ceil(box.clientHeight / ROW) + 10);
      const made = [];
      for (let place = top; place < bottom; place++) {
        const at = shown[place];
        const failed = list.end_word[at] !== '';
        const row = element('div', undefined, failed ? 'row failed' : 'row');
        row.style.top = place * ROW + 'px';
        const critical = list.critical[at];
        const label = ' '.repeat(Math.min(list.depth[at], 20) * 2) + list.pid[at] + ' ' + list.text[at] +
          (failed ? '  ✗ ' + list.end_word[at] : '') + (critical ? '  ◆ ' + critical : '');
        const what = element('div', label, 'what mono');
        what.title = label.trim();
        const when = element('div', undefined, 'when');
        const span = element('div', undefined, critical ? 'span critical' : 'span');
        span.style.left = 100 * list.start[at] / end + '%';
        span.style.width = Math.max(0, 100 * (list.stop[at] - list.start[at]) / end) + '%';
        span.title = list.time[at] + (critical ? ', ' + critical : '');
        when.append(span);
        row.append(what, when);
        made.push(row);
      }
      sheet.replaceChildren(...made);
    };
    const filter = wanted => {
      shown = [];
      for (let at = 0; at < lower.length; at++) if (matches(lower[at], wanted)) shown.push(at);
      sheet.style.height = shown.length * ROW + 'px';
      box.style.height = Math.min(460, Math.max(3, shown.length) * ROW + 4) + 'px';
      box.scrollTop = 0;
      draw();
      return shown.length;
    };
    box.addEventListener('scroll', () => requestAnimationFrame(draw));
    return filter;
  });

  // What was used: the first of what matches.
  const tables = [...document.querySelectorAll('table.used')].map(table => {
    const used = data.runs[Number(table.dataset.run)].used;
    const lower = used.map(row => row.join(' ').toLowerCase());
    const body = table.tBodies[0];
    const note = table.nextElementSibling;
    return wanted => {
      const found = [];
      let count = 0;
      for (let at = 0; at < used.length; at++) {
        if (!matches(lower[at], wanted)) continue;
        if (count++ < KEPT) found.push(at);
      }
      body.replaceChildren(...found.map(at => {
        const row = element('tr');
        used[at].forEach(cell => row.append(element('td', cell)));
        return row;
      }));
      note.textContent = count > KEPT ? `${count - KEPT} more; the search narrows it down` : '';
      return count;
    };
  });

  const apply = () => {
    const wanted = words();
    let packages = 0;
    rows.forEach(row => {
      const is = matches(row.textContent.toLowerCase(), wanted);
      row.hidden = !is;
      if (is) packages++;
    });
    nodes.forEach(node => node.classList.toggle('dim',
      wanted.length > 0 && !matches(node.textContent.toLowerCase(), wanted)));
    edges.forEach(edge => edge.classList.toggle('dim', wanted.length > 0));
    const sum = filters => filters.reduce((sum, filter) => sum + filter(wanted), 0);
    const processes = sum(timelines);
    const things = sum(tables);
    byId('found').textContent = wanted.length
      ? `${packages} packages, ${processes} processes, ${things} things` : '';
  };
  let waiting = 0;
  search.addEventListener('input', () => {
    clearTimeout(waiting);
    waiting = setTimeout(apply, 60);
  });
  search.form.addEventListener('submit', event => event.preventDefault());

  const pick = byId('run');
  if (pick) {
    const sections = [...document.querySelectorAll('section.run')];
    pick.addEventListener('change', () => {
      sections.forEach(section => { section.hidden = section.dataset.run !== pick.value; });
      apply();
    });
    sections.forEach((section, at) => { section.hidden = at > 0; });
  }
  apply();
  document.documentElement.dataset.ready = 'yes';
})();
