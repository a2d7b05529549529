"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const TURNS = 8;
  const brushes = new Map();
  const hidden = new Set(); // names of spaces
  let colours = {};
  let data, runs, score, order, members, visible, selected, whole, errorLow, errorHigh;

  // what is drawn, and what follows from it; a live page does this again whenever runs have ended
  function take(next) {
    data = next;
    runs = data.space.length;
    // a failed run has no error: it ranks last, as infinitely bad
    score = Float64Array.from(data.error, (e) => (e === null ? Infinity : e));
    order = Uint32Array.from(score.keys()).sort((a, b) => score[a] - score[b] || a - b);
    members = data.spaces.map((_, s) => Uint32Array.from(data.space.keys()).filter((i) => data.space[i] === s));
    visible = data.spaces.map((name) => !hidden.has(name));
    selected = new Uint8Array(runs); // 0 hidden, 1 rest, 2 selected
    whole = data.spaces.map((_, s) => corners((i) => data.space[i] === s));
    [errorLow, errorHigh] = errorRange();
  }

  const element = (tag, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };
  // ties go to the even digit, as in the tables that Python wrote, and the order of a sum does not decide them
  const rounded = (digits) => new Intl.NumberFormat("en-US", {
    minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: false, roundingMode: "halfEven" });
  const formats = { 0: rounded(0), 2: rounded(2), 3: rounded(3) };
  const number = (value, digits = 2) => (Number.isFinite(value) ? formats[digits].format(Number(value.toFixed(9))) : "–");
  const significant = (value) => Number(value.toPrecision(4));

  function readColours() {
    const style = getComputedStyle(document.documentElement);
    const get = (name) => style.getPropertyValue(name).trim();
    colours = { space: data.spaces.map((_, i) => get(`--c${i % 8}`)) };
    colours.dots = colours.space.map((text) => [1, 3, 5].map((k) => Number.parseInt(text.slice(k, k + 2), 16)));
    for (const name of ["ink", "muted", "line", "accent", "alarm", "shade", "paper"]) colours[name] = get(`--${name}`);
  }

  // ---- selection and its statistics

  function select() {
    for (let i = 0; i < runs; i++) selected[i] = visible[data.space[i]] ? 2 : 0;
    for (const [name, [low, high]] of brushes) {
      const values = data.columns[name];
      for (let i = 0; i < runs; i++) {
        const x = values[i];
        if (selected[i] === 2 && (x === null || x < low || x > high)) selected[i] = 1;
      }
    }
  }

  // one pass over the runs in order of error: theta by counting, means, and the corners of both curves
  function summarise() {
    const groups = { 1: { n: 0, sum: 0, failed: 0, min: Infinity }, 2: { n: 0, sum: 0, failed: 0, min: Infinity } };
    let wins = 0, restSeen = 0;
    for (const i of order) {
      const group = groups[selected[i]];
      if (!group) continue;
      group.n++;
      group.sum += score[i] === Infinity ? data.chance : score[i];
      group.failed += score[i] === Infinity;
      group.min = Math.min(group.min, score[i]);
    }
    for (let k = 0; k < runs; ) {
      let end = k, tiedSelected = 0, tiedRest = 0;
      for (; end < runs && score[order[end]] === score[order[k]]; end++) {
        tiedSelected += selected[order[end]] === 2;
        tiedRest += selected[order[end]] === 1;
      }
      wins += tiedSelected * (groups[1].n - restSeen - tiedRest + tiedRest / 2);
      restSeen += tiedRest;
      k = end;
    }
    const pairs = groups[1].n * groups[2].n;
    return { rest: groups[1], chosen: groups[2], theta: pairs ? wins / pairs : NaN };
  }

  function corners(belongs) {
    const xs = [];
    let n = 0;
    for (const i of order) {
      if (!belongs(i)) continue;
      n++;
      if (score[i] !== Infinity) xs.push(score[i]);
    }
    return { xs, n };
  }

  // ---- drawing

  function prepare(canvas) {
    const ratio = window.devicePixelRatio || 1;
    const { width, height } = canvas.getBoundingClientRect();
    const w = Math.round(width * ratio), h = Math.round(height * ratio);
    if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    pen.font = "11px system-ui, 'DejaVu Sans', sans-serif";
    return { pen, width, height };
  }

  function ticks(low, high, count) {
    const rough = (high - low) / Math.max(count, 1) || 1;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
    const found = [];
    for (let t = Math.ceil(low / step) * step; t <= high + step * 1e-9; t += step) found.push(Number(t.toPrecision(12)));
    return found;
  }

  // few plain numbers: powers of two, or 1, 2, 5, 10, 20; fewer of them or evenly spaced ones where they do not fit
  function logTicks(low, high, count, powersOfTwo) {
    const ladders = [];
    const first = Math.ceil(Math.log2(low) - 1e-9), last = Math.floor(Math.log2(high) + 1e-9);
    const exponents = (a, b, step) => Array.from({ length: Math.max(b - a + 1, 0) }, (_, k) => a + k).filter((k) => k % step === 0);
    for (let step = 1; powersOfTwo && step < Math.max(last, 2); step++) ladders.push(exponents(first, last, step).map((k) => 2 ** k));
    const a = Math.floor(Math.log10(low)), b = Math.ceil(Math.log10(high));
    for (const digits of [[1, 2, 5], [1, 3]]) ladders.push(exponents(a, b, 1).flatMap((k) => digits.map((d) => Number(`${d}e${k}`))));
    for (let step = 1; step <= b - a; step++) ladders.push(exponents(a, b, step).map((k) => Number(`1e${k}`)));
    for (const ladder of ladders) {
      const inside = ladder.filter((t) => t >= low * (1 - 1e-9) && t <= high * (1 + 1e-9));
      if (inside.length >= 2 && inside.length <= count) return inside;
    }
    return ticks(low, high, count - 1);
  }

  function errorRange() {
    const errors = Array.from(order, (i) => score[i]).filter(Number.isFinite);
    const quantile = (q) => errors[Math.min(errors.length - 1, Math.floor(q * errors.length))];
    if (!errors.length) return [0, 100];
    // a few very bad models must not squeeze the rest: Tukey's far fence
    const fence = quantile(0.75) + 3 * Math.max(quantile(0.75) - quantile(0.25), 0.5);
    const top = Math.min(errors[errors.length - 1], fence), margin = 0.04 * (top - errors[0]) || 0.5;
    return [errors[0] - margin, top + margin];
  }

  function drawEdf() {
    const { pen, width, height } = prepare(byId("edf"));
    const left = 40, right = width - 8, top = 8, bottom = height - 34;
    const px = (e) => left + ((Math.min(e, errorHigh) - errorLow) / (errorHigh - errorLow)) * (right - left);
    const py = (share) => bottom - share * (bottom - top);
    pen.lineWidth = 1;
    pen.strokeStyle = colours.line;
    pen.fillStyle = colours.muted;
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    for (const share of [0, 0.25, 0.5, 0.75, 1]) {
      pen.beginPath(); pen.moveTo(left, py(share)); pen.lineTo(right, py(share)); pen.stroke();
      pen.fillText(String(share), left - 6, py(share));
    }
    pen.textAlign = "center";
    pen.textBaseline = "top";
    for (const e of ticks(errorLow, errorHigh, width / 90)) {
      pen.beginPath(); pen.moveTo(px(e), top); pen.lineTo(px(e), bottom); pen.stroke();
      pen.fillText(String(e), px(e), bottom + 4);
    }
    pen.fillText("error e (%); height: share of models with error < e", (left + right) / 2, bottom + 19);
    const curve = ({ xs, n }, colour, lineWidth, dash = []) => {
      if (!n) return;
      pen.strokeStyle = colour; pen.lineWidth = lineWidth; pen.setLineDash(dash);
      pen.beginPath(); pen.moveTo(left, py(0));
      // of the steps within one pixel column the first and the last are enough
      let inside = 0, drawn = -Infinity;
      for (; inside < xs.length && xs[inside] <= errorHigh; inside++) {
        const x = px(xs[inside]);
        if (x - drawn < 0.5) continue;
        if (inside) pen.lineTo(drawn, py(inside / n));
        pen.lineTo(x, py(inside / n));
        drawn = x;
      }
      if (inside) pen.lineTo(drawn, py(inside / n));
      pen.lineTo(right, py(inside / n)); pen.stroke(); pen.setLineDash([]);
    };
    const dashes = [[], [8, 3], [8, 3, 2, 3], [2, 3], [10, 2, 2, 2, 2, 2], [4, 2], [14, 4], [6, 6], [1, 5]];
    pen.globalAlpha = brushes.size ? 0.35 : 1;
    data.spaces.forEach((_, s) => {
      if (visible[s]) curve(whole[s], colours.space[s], 1.8, dashes[s % dashes.length]);
    });
    pen.globalAlpha = 1;
    if (!brushes.size) return;
    curve(corners((i) => selected[i] === 1), colours.muted, 1.8, [5, 3]);
    curve(corners((i) => selected[i] === 2), colours.ink, 2.6);
    pen.textAlign = "left"; pen.textBaseline = "middle";
    [["selected", colours.ink, []], ["rest", colours.muted, [5, 3]]].forEach(([text, colour, dash], k) => {
      const y = top + 12 + 16 * k;
      pen.strokeStyle = colour; pen.setLineDash(dash); pen.lineWidth = 2.4;
      pen.beginPath(); pen.moveTo(left + 10, y); pen.lineTo(left + 36, y); pen.stroke(); pen.setLineDash([]);
      pen.fillStyle = colours.ink; pen.fillText(text, left + 42, y);
    });
  }

  // thousands of half-transparent squares, blended here: a canvas takes ten times as long over them
  let sheet = new Float32Array(0);
  const layer = document.createElement("canvas");
  function paint(pen, canvas, size, draw) {
    const { width, height } = canvas, ratio = window.devicePixelRatio || 1;
    if (sheet.length !== 4 * width * height) sheet = new Float32Array(4 * width * height);
    else sheet.fill(0);
    const side = Math.max(1, Math.round(size * ratio));
    draw((x, y, [red, green, blue], alpha) => {
      const left = Math.round(x * ratio - side / 2), top = Math.round(y * ratio - side / 2), rest = 1 - alpha;
      for (let row = Math.max(top, 0); row < Math.min(top + side, height); row++) {
        for (let column = Math.max(left, 0); column < Math.min(left + side, width); column++) {
          const at = 4 * (row * width + column);
          sheet[at] = alpha * red + rest * sheet[at];
          sheet[at + 1] = alpha * green + rest * sheet[at + 1];
          sheet[at + 2] = alpha * blue + rest * sheet[at + 2];
          sheet[at + 3] = alpha + rest * sheet[at + 3];
        }
      }
    });
    if (layer.width !== width || layer.height !== height) Object.assign(layer, { width, height });
    const inks = new ImageData(width, height), bytes = inks.data;
    for (let at = 0; at < sheet.length; at += 4) {
      const alpha = sheet[at + 3];
      if (alpha === 0) continue;
      for (let k = 0; k < 3; k++) bytes[at + k] = sheet[at + k] / alpha;
      bytes[at + 3] = 255 * alpha;
    }
    layer.getContext("2d").putImageData(inks, 0, 0);
    pen.save();
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.globalAlpha = 1;
    pen.drawImage(layer, 0, 0);
    pen.restore();
  }

  class Panel {
    constructor(property) {
      this.take(property);
      this.canvas = element("canvas");
      this.canvas.setAttribute("role", "img");
      this.canvas.setAttribute("aria-label", `error against ${property.label}`);
      this.inputs = ["from", "to"].map((word) => {
        const input = element("input", { type: "text", inputMode: "decimal", name: `${property.name}-${word}` });
        input.setAttribute("aria-label", `${property.label} ${word}`);
        input.placeholder = word;
        input.addEventListener("change", () => this.typed());
        return input;
      });
      this.node = element("div", { className: "panel" },
        element("h3", { textContent: property.label }), this.canvas,
        element("div", { className: "bounds" }, this.inputs[0], "to", this.inputs[1]));
      this.node.dataset.property = property.name;
      this.node.setAttribute("role", "group");
      this.node.setAttribute("aria-label", `bounds of ${property.label}`);
      this.listen();
    }

    take(property) {
      this.property = property;
      this.values = data.columns[property.name];
      this.placed = "";
      this.low = Infinity;
      this.high = -Infinity;
      for (const x of this.values) if (x !== null) { this.low = Math.min(this.low, x); this.high = Math.max(this.high, x); }
      this.log = property.log && this.low > 0 && this.high / this.low > 3;
    }

    place() {
      const { pen, width, height } = prepare(this.canvas);
      if (this.placed === `${width} ${height}`) return;
      this.placed = `${width} ${height}`;
      const left = 38, right = width - 6, top = 8, bottom = height - 18;
      Object.assign(this, { pen, left, right, top, bottom });
      const f = this.log ? Math.log2 : (x) => x;
      const a = f(this.low), b = f(this.high), pad = 0.04 * (b - a) || 0.5;
      this.toPixel = (x) => left + ((f(x) - a + pad) / (b - a + 2 * pad)) * (right - left);
      this.toValue = (p) => {
        const t = a - pad + ((p - left) / (right - left)) * (b - a + 2 * pad);
        return this.log ? 2 ** t : t;
      };
      this.x = new Float32Array(runs).fill(NaN);
      this.y = new Float32Array(runs);
      for (let i = 0; i < runs; i++) {
        if (this.values[i] !== null) this.x[i] = this.toPixel(this.values[i]);
        this.y[i] = bottom - ((Math.min(score[i], errorHigh) - errorLow) / (errorHigh - errorLow)) * (bottom - top);
      }
    }

    draw() {
      this.place();
      const { pen, left, right, top, bottom } = this;
      const brush = brushes.get(this.property.name);
      this.node.classList.toggle("active", Boolean(brush));
      if (brush) {
        const a = Math.max(left, this.toPixel(Math.max(brush[0], this.low)) - 3);
        const b = Math.min(right, this.toPixel(Math.min(brush[1], this.high)) + 3);
        pen.fillStyle = colours.shade;
        pen.fillRect(a, top, Math.max(b - a, 2), bottom - top);
      }
      pen.lineWidth = 1; pen.strokeStyle = colours.line; pen.fillStyle = colours.muted;
      pen.textAlign = "right"; pen.textBaseline = "middle";
      for (const e of ticks(errorLow, errorHigh, 5)) {
        const y = bottom - ((e - errorLow) / (errorHigh - errorLow)) * (bottom - top);
        pen.beginPath(); pen.moveTo(left, y); pen.lineTo(right, y); pen.stroke();
        pen.fillText(`${e} %`, left - 4, y);
      }
      pen.textAlign = "center"; pen.textBaseline = "top";
      let last = -Infinity;
      for (const t of this.ticks()) {
        const text = String(Number((t / this.property.unit).toPrecision(3)));
        const x = this.toPixel(t), half = pen.measureText(text).width / 2;
        if (x - half < last + 6 || x + half > right + 6) continue;
        pen.fillText(text, x, bottom + 4);
        last = x + half;
      }
      const size = runs > 600 ? 2.5 : 4, failed = [];
      paint(pen, this.canvas, size, (dot) => {
        for (const state of [1, 2]) {
          const alpha = state === 2 ? (runs > 600 ? 0.6 : 0.8) : 0.13;
          // in turns, so that no space covers the others
          for (let turn = 0; turn < TURNS; turn++) {
            for (let s = 0; s < data.spaces.length; s++) {
              const of = members[s];
              for (let k = turn; k < of.length; k += TURNS) {
                const i = of[k];
                if (selected[i] !== state || Number.isNaN(this.x[i])) continue;
                if (score[i] === Infinity) failed.push([this.x[i], alpha]);
                else dot(this.x[i], this.y[i], colours.dots[s], alpha);
              }
            }
          }
        }
      });
      for (const [x, alpha] of failed) { pen.globalAlpha = alpha; this.cross(x, top, pen); }
      pen.globalAlpha = 1;
    }

    cross(x, y, pen) {
      pen.strokeStyle = colours.alarm; pen.lineWidth = 1.2;
      pen.beginPath(); pen.moveTo(x - 3, y - 3); pen.lineTo(x + 3, y + 3); pen.moveTo(x + 3, y - 3); pen.lineTo(x - 3, y + 3); pen.stroke();
    }

    ticks() {
      const unit = this.property.unit;
      if (!this.log) return ticks(this.low / unit, this.high / unit, 4).map((t) => t * unit);
      return logTicks(this.low / unit, this.high / unit, 5, unit === 1 && this.low >= 1).map((t) => t * unit);
    }

    listen() {
      let start = null;
      const position = (event) => event.clientX - this.canvas.getBoundingClientRect().left;
      this.canvas.addEventListener("pointerdown", (event) => {
        start = position(event);
        this.canvas.setPointerCapture(event.pointerId);
      });
      this.canvas.addEventListener("pointermove", (event) => {
        if (start === null) return hover(this, event);
        const here = position(event);
        if (Math.abs(here - start) < 4) return;
        byId("tip").hidden = true;
        this.brush(this.toValue(Math.min(start, here)), this.toValue(Math.max(start, here)));
      });
      this.canvas.addEventListener("pointerup", (event) => {
        const moved = start !== null && Math.abs(position(event) - start) >= 4;
        start = null;
        if (moved) return;
        const found = this.nearest(event);
        if (found >= 0) return showNetwork(found);
        brushes.delete(this.property.name);
        update();
      });
      this.canvas.addEventListener("pointercancel", () => { start = null; });
      this.canvas.addEventListener("pointerleave", () => { byId("tip").hidden = true; });
    }

    // the ends are rounded before they select, so that the YAML written says exactly what the page shows
    brush(low, high) {
      const whole = this.property.whole;
      let a = low <= this.low ? -Infinity : whole ? Math.ceil(low) : significant(low);
      let b = high >= this.high ? Infinity : whole ? Math.floor(high) : significant(high);
      if (whole && a > b) a = b = Math.round((low + high) / 2);
      if (a === -Infinity && b === Infinity) brushes.delete(this.property.name);
      else brushes.set(this.property.name, [a, b]);
      update();
    }

    typed() {
      this.written = this.inputs.map((input) => input.value);
      const [low, high] = this.inputs.map((input) => (input.value.trim() === "" ? NaN : Number(input.value) * this.property.unit));
      const a = Number.isNaN(low) ? -Infinity : low, b = Number.isNaN(high) ? Infinity : high;
      if (a === -Infinity && b === Infinity) brushes.delete(this.property.name);
      else brushes.set(this.property.name, [a, b]);
      update();
    }

    showBounds() {
      const brush = brushes.get(this.property.name) || [-Infinity, Infinity];
      this.inputs.forEach((input, k) => {
        // what is being typed stays, whatever arrives meanwhile
        if (document.activeElement === input && input.value !== (this.written?.[k] ?? "")) return;
        input.value = Number.isFinite(brush[k]) ? String(Number((brush[k] / this.property.unit).toPrecision(6))) : "";
        this.written ??= ["", ""];
        this.written[k] = input.value;
      });
    }

    nearest(event) {
      const box = this.canvas.getBoundingClientRect();
      const x = event.clientX - box.left, y = event.clientY - box.top;
      let found = -1, least = 81;
      for (let i = 0; i < runs; i++) {
        if (!selected[i] || Number.isNaN(this.x[i])) continue;
        const distance = (this.x[i] - x) ** 2 + ((score[i] === Infinity ? this.top : this.y[i]) - y) ** 2;
        if (distance < least || (distance === least && selected[i] > selected[found])) { least = distance; found = i; }
      }
      return found;
    }
  }

  // ---- networks

  const compact = (values) => (values.every((v) => v === values[0]) ? [values[0]] : values).join(",");

  function structure(i) {
    if (data.made[i] !== null) return data.made[i][0];
    if (data.stages[i] === null) return "network not known";
    const [depths, widths, , ratios, groups] = data.stages[i];
    return `d ${depths.join(",")}  w ${widths.join(",")}  g ${compact(groups)}  b ${compact(ratios)}`;
  }

  function yaml(i) {
    if (data.made[i] !== null) return data.made[i][1];
    if (data.stages[i] === null) return "";
    const { block, stem, ...others } = data.templates[data.template[i]];
    const columns = ["depths", "widths", "strides", "bottleneck_ratios", "group_widths"];
    return [`block: ${flow(block)}`, `stem: ${flow(stem)}`, "stages:",
      ...columns.map((name, k) => `  ${name}: ${flow(data.stages[i][k])}`),
      ...Object.entries(others).map(([name, value]) => `${name}: ${flow(value)}`), ""].join("\n");
  }

  const describe = (i) =>
    `${data.spaces[data.space[i]]} #${data.index[i]}: ${score[i] === Infinity ? data.status[i] : `error ${number(score[i])} %`}\n${structure(i)}`;

  function hover(panel, event) {
    const tip = byId("tip"), found = panel.nearest(event);
    tip.hidden = found < 0;
    if (found < 0) return;
    tip.textContent = describe(found);
    tip.style.left = `${Math.max(8, Math.min(event.clientX + 12, window.innerWidth - tip.offsetWidth - 8))}px`;
    tip.style.top = `${Math.max(8, event.clientY - tip.offsetHeight - 10)}px`;
  }

  function showNetwork(i) {
    byId("network").textContent = `# ${describe(i).replaceAll(/[\r\n]+/g, "\n# ")}\n${yaml(i)}`;
    if (yaml(i) !== "") copy(yaml(i), "The network's YAML is copied.");
  }

  async function copy(text, message) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = element("textarea", { value: text, readOnly: true });
      document.body.append(area);
      area.select();
      const copied = document.execCommand("copy");
      area.remove();
      if (!copied) message = "The browser blocked copying; select the text on the page instead.";
    }
    toast(message);
  }

  let toastTimer = 0;
  function toast(message, milliseconds = 2500) {
    const node = byId("toast");
    node.textContent = message;
    node.hidden = false;
    clearTimeout(toastTimer);
    toastTimer = setTimeout(() => { node.hidden = true; }, milliseconds);
  }

  // ---- what stands beside the plots

  // JSON is YAML: scalars and short collections are written as JSON
  const flow = (value) => JSON.stringify(value).replaceAll(/("(?:[^"\\]|\\.)*")|,/g, (found, text) => text ?? ", ").replaceAll(/("(?:[^"\\]|\\.)*"):/g, "$1: ");

  function bounds(name) {
    const [low, high] = brushes.get(name);
    if (low === high) return `${name} == ${low}`;
    const parts = [];
    if (Number.isFinite(low)) parts.push(`${name} >= ${low}`);
    if (Number.isFinite(high)) parts.push(`${name} <= ${high}`);
    return parts.join(" and ");
  }

  // one visible space gives its whole description, ready for the next study; several share only the condition
  function restriction() {
    if (!brushes.size) return "";
    const brushed = data.properties.filter(({ name }) => brushes.has(name));
    const readable = brushed.filter((property) => property.condition).map(({ name }) => bounds(name));
    const unreadable = brushed.filter((property) => !property.condition)
      .map(({ name }) => `# ${bounds(name).replaceAll(/[\r\n]+/g, " ")}: a condition cannot use this name\n`).join("");
    const added = readable.length ? `  - where: "${readable.join(" and ")}"\n` : "";
    const alone = data.spaces.flatMap((_, s) => (visible[s] ? [s] : []));
    const known = alone.length === 1 ? data.definitions[alone[0]] : null;
    if (!known) return unreadable + (added && `constraints:\n${added}`);
    const { name, constraints, ...others } = known;
    const lines = Object.entries(others).map(([key, value]) => `${key}: ${flow(value)}\n`);
    const before = constraints.map((constraint) => `  - ${flow(constraint)}\n`);
    const all = before.join("") + added;
    return `${unreadable}name: ${flow(`${name}-restricted`)}\n${lines.join("")}constraints:${all ? `\n${all}` : " []\n"}`;
  }

  // the space and its restriction, on networks that nobody has looked at: another seed draws others
  function studyFile() {
    const alone = data.spaces.flatMap((_, s) => (visible[s] ? [s] : []));
    if (!data.study || !brushes.size || alone.length !== 1 || !data.definitions[alone[0]]) return null;
    const known = data.definitions[alone[0]];
    const where = data.properties.filter(({ name, condition }) => condition && brushes.has(name)).map(({ name }) => bounds(name));
    if (!where.length) return null;
    const restricted = { ...known, name: `${known.name}-restricted`, constraints: [...known.constraints, { where: where.join(" and ") }] };
    const { name, seed, ...others } = data.study;
    const content = { name: `${name}-restricted`, spaces: [known, restricted], seed: seed + 1, ...others };
    return Object.entries(content).map(([key, value]) => `${key}: ${flow(value)}\n`).join("");
  }

  function saveStudy() {
    const link = element("a", { download: `${data.study.name}-restricted.yaml`, href: URL.createObjectURL(new Blob([studyFile()], { type: "text/yaml" })) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    toast("The study file is saved; run it with netspace run.");
  }

  // ---- the state of the page: it stands in the link, and may be kept under a name

  let kept = [];
  const state = () => ({ bounds: Object.fromEntries([...brushes].map(([name, ends]) => [name, ends.map((x) => (Number.isFinite(x) ? x : null))])), hidden: [...hidden] });

  function restore(saved) {
    brushes.clear();
    for (const [name, ends] of Object.entries(saved.bounds ?? {}))
      if (data.columns[name] && Array.isArray(ends)) brushes.set(name, [ends[0] ?? -Infinity, ends[1] ?? Infinity]);
    hidden.clear();
    for (const name of saved.hidden ?? []) hidden.add(name);
    visible = data.spaces.map((name) => !hidden.has(name));
  }

  function writeLink() {
    const now = { ...state(), kept };
    const empty = !brushes.size && !hidden.size && !kept.length;
    const hash = empty ? "" : `#${encodeURIComponent(JSON.stringify(now))}`;
    if (hash !== location.hash) history.replaceState(null, "", hash || `${location.pathname}${location.search}`);
  }

  function readLink() {
    if (location.hash.length < 2) return;
    try {
      const saved = JSON.parse(decodeURIComponent(location.hash.slice(1)));
      kept = (Array.isArray(saved.kept) ? saved.kept : []).map(({ name, state: one }) => ({ name: String(name), state: one }));
      restore(saved);
    } catch {
      toast("The link's state could not be read; everything is shown.");
    }
  }

  // what is kept is counted anew, for in a live page runs have ended since
  function showKept() {
    byId("kept").hidden = !kept.length;
    const now = state();
    byId("kept").tBodies[0].replaceChildren(...kept.map((one, k) => {
      restore(one.state);
      select();
      const { chosen, theta } = summarise();
      const button = (text, act) => {
        const made = element("button", { type: "button", textContent: text });
        made.setAttribute("aria-label", `${text} ${one.name}`);
        made.addEventListener("click", act);
        return made;
      };
      const cells = [one.name, chosen.n, chosen.failed, number(chosen.sum / chosen.n), number(theta, 3)];
      return element("tr", {}, ...cells.map((text) => element("td", { textContent: String(text) })),
        element("td", {}, button("Show", () => { restore(one.state); showLegend(); update(); }), " ",
          button("Remove", () => { kept.splice(k, 1); update(); })));
    }));
    restore(now);
    select();
  }

  // ---- tables behind the plots, for those who do not see them; made when they are unfolded

  const ROWS = 100;

  function table(head, rows) {
    const cell = (tag, more = {}) => (content) => element(tag, more, content instanceof Node ? content : String(content));
    return element("table", {}, element("thead", {}, element("tr", {}, ...head.map(cell("th", { scope: "col" })))),
      element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map(cell("td"))))));
  }

  function showTables() {
    if (byId("edf-table").open) {
      const shares = [0.1, 0.25, 0.5, 0.75, 0.9];
      // the least e that so many models stay below or reach
      const at = ({ xs, n }, q) => number(xs[Math.ceil(q * n) - 1] ?? Infinity);
      const groups = data.spaces.flatMap((name, s) => (visible[s] ? [[name, whole[s]]] : []));
      if (brushes.size) groups.push(["selected", corners((i) => selected[i] === 2)], ["rest", corners((i) => selected[i] === 1)]);
      byId("edf-table").lastElementChild.replaceChildren(table(
        ["group", "n", ...shares.map((q) => `error that ${100 * q} % reach, %`)],
        groups.map(([name, group]) => [name, group.n, ...shares.map((q) => at(group, q))])));
    }
    if (byId("network-table").open) {
      const chosen = Array.from(order).filter((i) => selected[i] === 2);
      const show = (i) => {
        const button = element("button", { type: "button", textContent: "Show" });
        button.setAttribute("aria-label", `Show network ${data.index[i]} of ${data.spaces[data.space[i]]}`);
        button.addEventListener("click", () => showNetwork(i));
        return button;
      };
      const rows = chosen.slice(0, ROWS).map((i, k) => [k + 1, data.spaces[data.space[i]], data.index[i],
        score[i] === Infinity ? data.status[i] : number(score[i]),
        ...data.properties.map(({ name, unit }) => { const x = data.columns[name][i]; return x === null ? "" : Number((x / unit).toPrecision(4)); }), show(i)]);
      const note = element("p", { className: "note", textContent: chosen.length > ROWS ? `The best ${ROWS} of ${chosen.length}.` : `${chosen.length} networks, the best first.` });
      byId("network-table").lastElementChild.replaceChildren(note, table(["place", "space", "network", "error %", ...data.properties.map(({ label }) => label), "YAML"], rows));
    }
  }

  function showSelection() {
    const { rest, chosen, theta } = summarise();
    const total = rest.n + chosen.n;
    const meanOf = (group) => (group.n ? group.sum / group.n : NaN);
    byId("count").textContent = `${chosen.n} of ${total}${chosen.failed ? ` (${chosen.failed} failed)` : ""}`;
    byId("theta").textContent = number(theta, 3);
    byId("minimum").textContent = `${number(chosen.min)} %`;
    byId("mean").textContent = `${number(meanOf(chosen))} %${rest.n ? ` (rest ${number(meanOf(rest))} %)` : ""}`;
    byId("reading").textContent = !brushes.size ? "Nothing is selected: all networks of the visible spaces are shown."
      : Number.isNaN(theta) ? "One of the two groups is empty."
      : `A selected network beats one of the rest in ${(100 * theta).toFixed(0)} % of pairs. This is exploration, not a test: a range chosen after seeing the errors looks better than it is. The command netspace refine corrects for that; fresh samples settle it.`;
    byId("restriction").textContent = restriction() || "# drag across a property first";
    byId("bar").hidden = !brushes.size;
    byId("bar").textContent = `${byId("count").textContent} selected, θ ${number(theta, 3)} against the rest, mean ${number(meanOf(chosen))} %`;
    byId("copy-restriction").disabled = !brushes.size;
    byId("keep").disabled = !brushes.size;
    byId("save-study").disabled = studyFile() === null;
    byId("reset").disabled = !brushes.size;
  }

  // the server that keeps a live page current also judges what is selected, once the pointer has come to rest
  let asked = "", askTimer = 0;
  function showKnown() {
    if (!data.live) return;
    const alone = data.spaces.filter((_, s) => visible[s]);
    const node = byId("known");
    const query = new URLSearchParams({ space: alone[0] ?? "", bounds: JSON.stringify(state().bounds) }).toString();
    const question = `${data.live.version} ${query}`;
    if (!brushes.size) { node.hidden = true; asked = ""; clearTimeout(askTimer); return; }
    if (question === asked) return;
    asked = question;
    const say = (rows) => {
      node.hidden = false;
      node.querySelector("dl").replaceChildren(...rows.flatMap(([name, text]) => [element("dt", { textContent: name }), element("dd", { textContent: text })]));
    };
    clearTimeout(askTimer);
    if (alone.length !== 1) { say([["not judged", "leave a single space ticked"]]); return; }
    askTimer = setTimeout(async () => {
      let answer;
      try { answer = await ask(`selection?${query}`); } catch { answer = { refused: "netspace serve does not answer" }; }
      if (question === asked) say(answer.rows ?? [["not judged", answer.refused]]);
    }, 300);
  }

  function showLegend() {
    const body = byId("legend").tBodies[0];
    body.replaceChildren(...data.spaces.map((name, s) => {
      const box = element("input", { type: "checkbox", checked: visible[s] });
      box.addEventListener("change", () => {
        visible[s] = box.checked;
        if (box.checked) hidden.delete(name); else hidden.add(name);
        update();
      });
      const swatch = element("span", { className: "swatch" });
      swatch.style.background = colours.space[s];
      const { n, failures, min, mean } = data.summary[s];
      return element("tr", {}, element("td", {}, element("label", {}, box, swatch, element("span", { textContent: name }))),
        ...[n, failures, number(min ?? NaN), number(mean ?? NaN)].map((value, k) =>
          element("td", { textContent: String(value), className: k === 1 && value ? "bad" : "" })));
    }));
  }

  let panels = [];

  // panels stay as they are while the properties do, and with them what is typed into them
  function showPanels() {
    const names = (properties) => JSON.stringify(properties.map(({ name }) => name));
    if (panels.length && names(panels.map((panel) => panel.property)) === names(data.properties)) {
      data.properties.forEach((property, k) => panels[k].take(property));
      return;
    }
    panels = data.properties.map((property) => new Panel(property));
    byId("panels").replaceChildren(...panels.map((panel) => panel.node));
    for (const name of brushes.keys()) if (!data.columns[name]) brushes.delete(name);
  }

  let waiting = false;
  function update() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      select();
      showSelection();
      showKnown();
      showKept();
      showTables();
      writeLink();
      drawEdf();
      for (const panel of panels) { panel.draw(); panel.showBounds(); }
    });
  }

  byId("reset").addEventListener("click", () => { brushes.clear(); update(); });
  byId("copy-restriction").addEventListener("click", () => copy(restriction(), "The restriction's YAML is copied."));
  byId("save-study").addEventListener("click", saveStudy);
  byId("copy-link").addEventListener("click", () => copy(location.href, "The link to this state is copied."));
  byId("keep").addEventListener("click", () => {
    const name = byId("selection-name").value.trim() || `selection ${kept.length + 1}`;
    kept = [...kept.filter((one) => one.name !== name), { name, state: state() }];
    byId("selection-name").value = "";
    update();
  });
  for (const name of ["edf-table", "network-table"]) byId(name).addEventListener("toggle", update);
  window.addEventListener("hashchange", () => { readLink(); showLegend(); update(); });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-copy]");
    if (button) copy(byId(button.dataset.copy).textContent, "Copied.");
  });
  window.addEventListener("resize", update);
  const rethemed = () => { readColours(); showLegend(); update(); };
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", rethemed);
  take(JSON.parse(byId("data").textContent));
  readLink();
  showPanels();
  rethemed();

  // ---- a page that `netspace serve` shows follows its study

  // what stands in a part is replaced, and what was unfolded in it is unfolded again
  function replacePart(name, html) {
    const part = document.querySelector(`[data-part="${name}"]`);
    const titles = (node) => [...node.querySelectorAll("details")].map((fold) => [fold, fold.querySelector("summary").textContent]);
    const open = new Set(titles(part).flatMap(([fold, title]) => (fold.open ? [title] : [])));
    part.innerHTML = html;
    for (const [fold, title] of titles(part)) fold.open = open.has(title);
  }

  const decisions = () => [...document.querySelectorAll('[data-part="now"] [data-decided]')].map((line) => line.textContent);

  async function ask(name) {
    const answer = await fetch(name, { cache: "no-store" });
    if (!answer.ok) throw new Error(`${answer.status}`);
    return answer.json();
  }

  async function follow(version) {
    for (;;) {
      await new Promise((done) => { setTimeout(done, 1000 * data.live.seconds); });
      let now, next = null;
      try {
        now = await ask("now");
        if (now.version !== version) next = await ask("content");
        byId("connection").textContent = "";
      } catch {
        byId("connection").textContent = "netspace serve does not answer; trying again.";
        continue;
      }
      const known = new Set(decisions());
      for (const [name, html] of Object.entries(now.parts)) replacePart(name, html);
      const fallen = decisions().filter((text) => !known.has(text));
      if (fallen.length) toast(`Early stopping has decided: ${fallen.join("; ")}.`, 10000);
      if (next === null) continue;
      for (const [name, html] of Object.entries(next.parts)) replacePart(name, html);
      take(next.data);
      showPanels();
      showLegend();
      update();
      version = next.version;
    }
  }

  if (data.live) follow(data.live.version);
})();
