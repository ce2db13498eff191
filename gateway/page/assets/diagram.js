// The one-line diagram: bus sections with their bays below, transformers above, couplers between. Drawn for the width there is.

import { arrow, breakerSign, chosen, devicesOf, flowOf, nameOf, reading, ROW } from "./bay.js";
import { svg } from "./dom.js";

const FEEDER = 116;
const TRANSFORMER = 214;
const LABEL = 132;
const EDGE = 20;
const COUPLER = 72;
/** Where a bus begins and ends, and goes down to its next row. */
const RISER = 9;
const WIDEST = 1.5;
const BAY_HEIGHT = 216;
const TOP = 206;
const TOP_BARE = 62;
const FLOWS = ["current", "active_power", "apparent_power"];

/** Return sections `{name, busbar, feeders, ties, transformers}` of what the gateway tells: a bay in which nothing flows is the bus itself. */
export function sections({ buses, transformers }) {
  const made = buses.map(({ name, bays, values = [], breakers = [] }) => {
    const carries = (bay) => bay.values.some(({ quantity }) => FLOWS.includes(quantity)) || !bay.values.length;
    const still = bays.filter((bay) => !carries(bay));
    return { name: name ?? "no bus", feeders: bays.filter(carries), busbar: [...values, ...still.flatMap((bay) => bay.values)],
      ties: [...breakers, ...still.flatMap((bay) => bay.breakers)], transformers: [] };
  });
  for (const transformer of transformers) {
    let home = made.find(({ name }) => name === transformer.lv.bus) ?? made.find(({ name }) => name === transformer.hv.bus);
    if (!home) made.push((home = { name: transformer.lv.bus ?? "", feeders: [], busbar: [], ties: [], transformers: [] }));
    home.transformers.push(transformer);
  }
  return made;
}

/** Draw `found` sections into an SVG of `width` pixels. Return `{node, cells}`: each cell has `update()`, `alarmed(alarms)`, or both. */
export function drawn(found, width) {
  const canvas = new Canvas();
  const wide = found.map(natural);
  const total = wide.reduce((sum, each) => sum + each, 0) + COUPLER * Math.max(found.length - 1, 0);
  const beside = total <= width;
  const stretch = beside ? Math.min(WIDEST, (width - total + sum(wide)) / Math.max(sum(wide), 1)) : 1;
  const coupled = found.length === 2 ? [...found[0].ties, ...found[1].ties] : [];
  let x = 0, y = 0, height = 0, before = null;
  for (const [index, section] of found.entries()) {
    const across = beside ? wide[index] * stretch : width;
    const bars = drawSection(canvas, section, { x, y, width: across, tied: found.length === 2 });
    if (before && coupled.length) beside ? coupleBeside(canvas, coupled, before, bars) : coupleBelow(canvas, coupled, before, bars);
    before = bars;
    height = Math.max(height, bars.bottom);
    if (beside) x += across + COUPLER;
    else y = bars.bottom + 26;
  }
  const node = svg("svg", { class: "oneline", width, height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": "One-line diagram" }, canvas.nodes);
  return { node, cells: canvas.cells };
}

const sum = (numbers) => numbers.reduce((total, each) => total + each, 0);

function natural({ feeders, transformers }) {
  return 2 * EDGE + Math.max(feeders.length * FEEDER, LABEL + transformers.length * TRANSFORMER);
}

class Canvas {
  nodes = [];
  cells = [];

  line(x1, y1, x2, y2, kind = "wire") {
    this.nodes.unshift(svg("line", { class: kind, x1, y1, x2, y2 }));
  }

  text(x, y, text, kind, anchor = "start") {
    this.nodes.push(svg("text", { class: kind, x, y, text, "text-anchor": anchor }));
  }

  add(cell) {
    this.nodes.push(cell.node);
    this.cells.push(cell);
  }
}

/** Draw one section in as many rows as its width needs. Return where its bars are: `first`, `last`, `left`, `right`, `bottom`. */
function drawSection(canvas, section, { x, y, width, tied }) {
  const narrow = width < 2 * EDGE + LABEL + TRANSFORMER;
  const label = narrow ? 0 : LABEL;
  const inner = width - 2 * EDGE;
  const below = tied ? section.feeders : [...section.feeders, ...section.ties.map((row) => ({ name: "tie", breakers: [row], values: [] }))];
  const perBelow = Math.max(1, Math.floor(inner / FEEDER));
  const perAbove = Math.max(1, Math.floor((inner - label) / TRANSFORMER));
  const rows = Math.max(1, Math.ceil(below.length / perBelow), Math.ceil(section.transformers.length / perAbove));
  const bars = [];
  let top = y;
  for (let row = 0; row < rows; row++) {
    const above = section.transformers.slice(row * perAbove, (row + 1) * perAbove);
    const under = below.slice(row * perBelow, (row + 1) * perBelow);
    const head = row === 0 ? drawLabel(canvas, section, x + EDGE, top, narrow) : 0;
    const bar = top + (above.length ? TOP + head : row === 0 ? TOP_BARE + (section.busbar.length ? 40 : 0) : 26);
    canvas.line(x + RISER, bar, x + width - RISER, bar, "bus");
    const step = (inner - label) / Math.max(above.length, 1);
    for (const [at, each] of above.entries()) drawTransformer(canvas, each, x + EDGE + label + at * step, top + head, bar);
    const column = inner / Math.max(Math.min(below.length, perBelow), 1);
    for (const [at, each] of under.entries()) drawFeeder(canvas, each, x + EDGE + at * column + column / 2, bar);
    bars.push(bar);
    top = bar + (under.length ? BAY_HEIGHT : 24);
  }
  if (bars.length > 1) canvas.line(x + RISER, bars[0], x + RISER, bars.at(-1), "bus");
  return { first: bars[0], last: bars.at(-1), left: x + RISER, right: x + width - RISER, bottom: top };
}

/** Draw the name of a bus and what is measured on it; return how much height it takes of its own. */
function drawLabel(canvas, { name, busbar }, x, y, narrow) {
  const line = busbar.filter(({ quantity, phase }) => quantity === "voltage" && ["ab", "bc", "ca"].includes(phase));
  const shown = [...(line.length ? line : busbar.filter(({ quantity }) => quantity === "voltage")).slice(0, narrow ? 1 : 3),
    ...busbar.filter(({ quantity }) => quantity === "frequency").slice(0, 1)];
  canvas.text(x, y + 16, name.length > 18 ? `${name.slice(0, 17)}\u2026` : name, "busname");
  if (narrow) {
    for (const [at, each] of shown.entries()) canvas.add(reading(x + 62 + at * 128, x + 144 + at * 110, y + 16, each));
    return 26;
  }
  for (const [at, each] of shown.entries()) canvas.add(reading(x, x + 78, y + 38 + at * ROW, each));
  return 0;
}

function drawFeeder(canvas, bay, x, bar) {
  const shown = chosen(bay.values, 5);
  const rows = [...bay.breakers, ...bay.values.map(({ row }) => row)];
  const flow = flowOf(bay.values, false);
  canvas.line(x, bar, x, bar + 84);
  if (bay.breakers.length) canvas.add(breakerSign(x, bar + 34, bay.breakers, `breaker of ${bay.name}`));
  if (flow) canvas.add(arrow(x, bar + 78, flow, true));
  canvas.add(nameOf(x, bar + 108, bay.name, "middle", devicesOf(rows), { x: x + 14, y: bar + 67 }));
  for (const [at, each] of shown.entries()) canvas.add(reading(x - 52, x + 18, bar + 130 + at * ROW, each));
}

function drawTransformer(canvas, { name, hv, lv, breakers, values }, left, top, bar) {
  const low = [...lv.breakers, ...breakers];
  const x = left + 30;
  canvas.line(x - 24, top + 22, x + 24, top + 22, "bus thin");
  canvas.text(x, top + 13, hv.bus ?? "HV", "label", "middle");
  canvas.line(x, top + 22, x, top + 72);
  canvas.nodes.push(svg("circle", { class: "winding", cx: x, cy: top + 84, r: 12 }), svg("circle", { class: "winding", cx: x, cy: top + 100, r: 12 }));
  canvas.line(x, top + 112, x, bar);
  if (hv.breakers.length) canvas.add(breakerSign(x, top + 48, hv.breakers, `high side breaker of ${name}`));
  const flow = flowOf(lv.values, true) ?? flowOf(hv.values, true);
  if (flow) canvas.add(arrow(x, top + 134, flow, false));
  if (low.length) canvas.add(breakerSign(x, top + 166, low, `breaker of ${name}`));
  const shown = chosen([...(lv.values.length ? lv.values : hv.values), ...values], 99).filter(({ quantity, phase }) =>
    quantity !== "voltage" && quantity !== "apparent_power" && (quantity !== "current" || phase === "a" || !phase));
  const rows = [...hv.breakers, ...low, ...[...hv.values, ...lv.values, ...values].map(({ row }) => row)];
  canvas.add(nameOf(x + 44, top + 42, name, "start", devicesOf(rows), { x: x + 150, y: top + 26 }));
  for (const [at, each] of shown.slice(0, 6).entries()) canvas.add(reading(x + 44, x + 132, top + 66 + at * ROW, each));
}

function coupleBeside(canvas, ties, before, after) {
  const x = (before.right + after.left) / 2;
  canvas.line(before.right, before.first, x, before.first, "bus");
  canvas.line(x, after.first, after.left, after.first, "bus");
  if (before.first !== after.first) canvas.line(x, before.first, x, after.first, "bus");
  canvas.add(breakerSign(x, before.first, ties, "coupler", "below"));
  canvas.text(x, before.first - 16, "coupler", "label", "middle");
}

function coupleBelow(canvas, ties, before, after) {
  canvas.line(before.left, before.last, before.left, after.first, "bus");
  canvas.add(breakerSign(before.left, before.bottom - 4, ties, "coupler"));
  canvas.text(before.left + 76, before.bottom, "coupler", "label");
}
