// Moves in the map of lineage: zoom, pan, walk along arrows, put a box in focus. The map is a
// picture with links in a box that scrolls, and stays that without this module.
const LEAST = 0.04, MOST = 3, STEP = 1.25, FAR = 0.4, READABLE = 0.55, ROOM = 24;

const view = document.querySelector(".view");
const sheet = view.querySelector(".sheet");
const map = view.querySelector(".map");
const tools = document.querySelector(".tools");
const told = document.getElementById("about");
const whole = map.viewBox.baseVal;
const boxes = new Map([...map.querySelectorAll(".box")].map((box) => [box.id.slice(1), box]));
const arrows = [...map.querySelectorAll(".arrow")];
const numbers = new Map([...boxes].map(([number, box]) => [box, number]));
const ways = { from: new Map(), to: new Map() };
for (const arrow of arrows) {
  const { from, to } = arrow.dataset;
  ways.from.set(from, [...(ways.from.get(from) ?? []), to]);
  ways.to.set(to, [...(ways.to.get(to) ?? []), from]);
}
const start = map.querySelector(".box.start");
let scale = 1;
let current = map.querySelector(".box.focus") ?? start;

// Zoom: the sheet grows, and the picture on it, around a point that stays where it is. A picture
// that is transformed needs no layout of its own, which takes a thousand boxes a third of a second.

function zoom(wanted, x, y) {
  const next = Math.min(MOST, Math.max(LEAST, wanted));
  const around = view.getBoundingClientRect();
  const at = [x ?? around.left + view.clientWidth / 2, y ?? around.top + view.clientHeight / 2];
  const before = map.getBoundingClientRect();
  const share = [(at[0] - before.left) / before.width, (at[1] - before.top) / before.height];
  scale = next;
  map.classList.toggle("far", scale < FAR);
  sheet.style.width = `${whole.width * scale}px`;
  sheet.style.height = `${whole.height * scale}px`;
  map.style.transform = `scale(${scale})`;
  const after = map.getBoundingClientRect();
  view.scrollLeft += after.left + share[0] * after.width - at[0];
  view.scrollTop += after.top + share[1] * after.height - at[1];
  tools.querySelector(".scale").textContent = `${Math.round(scale * 100)} %`;
}

function fitting() {
  const high = parseFloat(getComputedStyle(view).maxHeight) || view.clientHeight;
  return Math.min(1, (view.clientWidth - 2) / whole.width, (high - 2) / whole.height);
}

function bring(box, middle = false) {
  const here = box.getBoundingClientRect(), around = view.getBoundingClientRect();
  const off = [here.left - around.left, here.top - around.top];
  const free = [view.clientWidth - here.width, view.clientHeight - here.height];
  const moved = off.map((each, side) => {
    if (middle) return each - free[side] / 2;
    return Math.min(0, each - ROOM) + Math.max(0, each - free[side] + ROOM);
  });
  view.scrollBy(moved[0], moved[1]);
}

// Focus: what leads to a box and what came of it stands out.

function reach(number, way) {
  const found = new Set([number]);
  for (const here of found) for (const there of way.get(here) ?? []) found.add(there);
  return found;
}

function show(number) {
  const sides = number === null ? [] : [reach(number, ways.to), reach(number, ways.from)];
  map.classList.toggle("focused", number !== null);
  for (const [each, box] of boxes) {
    box.classList.toggle("near", sides.some((side) => side.has(each)));
    box.classList.toggle("focus", each === number);
  }
  for (const arrow of arrows) {
    const { from, to } = arrow.dataset;
    arrow.classList.toggle("near", sides.some((side) => side.has(from) && side.has(to)));
  }
  const entry = document.getElementById(`i${number ?? numbers.get(start)}`);
  told.replaceChildren(...[...entry.children].map((each) => each.cloneNode(true)));
  document.getElementById("focus-name").textContent = number === null ? "In the middle" : "In focus";
  document.getElementById("out").hidden = number === null;
}

function select(number, address) {
  show(number);
  history.replaceState(null, "", address);
}

// Keys: one box at a time can be reached by Tab, the others from it by arrow keys.

function stand(box) {
  current.setAttribute("tabindex", "-1");
  current = box;
  box.setAttribute("tabindex", "0");
}

function go(box) {
  if (!box) return;
  stand(box);
  box.focus({ preventScroll: true });
  bring(box);
}

const top = (box) => box.getBoundingClientRect().top;

function nearest(box, found) {
  const height = top(box);
  return found.map((number) => boxes.get(number))
    .sort((one, other) => Math.abs(top(one) - height) - Math.abs(top(other) - height))[0];
}

function beside(box, step) {
  const column = [...boxes.values()].filter((each) => each.dataset.column === box.dataset.column);
  column.sort((one, other) => top(one) - top(other));
  return column[column.indexOf(box) + step];
}

const WALKS = {
  ArrowLeft: (box) => nearest(box, ways.to.get(numbers.get(box)) ?? []),
  ArrowRight: (box) => nearest(box, ways.from.get(numbers.get(box)) ?? []),
  ArrowUp: (box) => beside(box, -1),
  ArrowDown: (box) => beside(box, 1),
  Home: () => start,
};
const ZOOMS = {
  in: () => zoom(scale * STEP),
  out: () => zoom(scale / STEP),
  whole: () => zoom(fitting()),
  real: () => { zoom(1); bring(current, true); },
};
const KEYS = { "+": "in", "=": "in", "-": "out", "0": "whole" };
const PANS = { left: [-1, 0], right: [1, 0], up: [0, -1], down: [0, 1] };

view.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const box = event.target.closest(".box");
  if (event.key in KEYS) ZOOMS[KEYS[event.key]]();
  else if (box && event.key in WALKS) go(WALKS[event.key](box));
  else if (box && event.key === "Escape") view.focus();
  else return;
  event.preventDefault();
});

tools.addEventListener("click", ({ target }) => {
  const { zoom: how, pan } = target.dataset;
  if (how) ZOOMS[how]();
  if (pan) view.scrollBy(PANS[pan][0] * view.clientWidth / 2, PANS[pan][1] * view.clientHeight / 2);
});

// Wheel and pointer; a finger scrolls the box as it does any other.

let turned = null;
view.addEventListener("wheel", (event) => {
  const inside = view.contains(document.activeElement);
  if (!(event.ctrlKey || event.metaKey || inside)) return;
  event.preventDefault();
  const pixels = event.deltaMode === 0 ? event.deltaY : event.deltaY * 30;
  if (turned) return void (turned.pixels += pixels);
  turned = { pixels };
  requestAnimationFrame(() => {
    zoom(scale * STEP ** (-Math.max(-300, Math.min(300, turned.pixels)) / 100), event.clientX, event.clientY);
    turned = null;
  });
}, { passive: false });

let held = null;
view.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || event.pointerType !== "mouse") return;
  held = { x: event.clientX, y: event.clientY, left: view.scrollLeft, top: view.scrollTop, moved: false };
});
view.addEventListener("pointermove", (event) => {
  if (!held || !(event.buttons & 1)) return void (held = null);
  const off = [event.clientX - held.x, event.clientY - held.y];
  if (!held.moved && Math.hypot(...off) < 5) return;
  if (!held.moved) view.setPointerCapture(event.pointerId);
  held.moved = true;
  view.classList.add("held");
  view.scrollTo(held.left - off[0], held.top - off[1]);
});
let dragged = false;
view.addEventListener("pointerup", () => {
  dragged = held?.moved ?? false;
  held = null;
  view.classList.remove("held");
});
view.addEventListener("dragstart", (event) => event.preventDefault());
view.addEventListener("click", (event) => {
  const box = event.target.closest(".box");
  if (dragged || (box && !box.matches(".gap") && !event.ctrlKey && !event.metaKey && !event.shiftKey)) event.preventDefault();
  if (dragged || !event.defaultPrevented) return void (dragged = false);
  go(box);
  select(numbers.get(box), box.href.baseVal);
});

// Links of the page that lead to a box of the map.

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-show]");
  const box = link && boxes.get(link.dataset.show);
  if (!box || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  select(link.dataset.show, link.href);
  view.scrollIntoView({ block: "nearest" });
  stand(box);
  bring(box, true);
  box.focus({ preventScroll: true });
});
document.getElementById("out").addEventListener("click", (event) => {
  event.preventDefault();
  select(null, event.target.href);
  view.focus();
});

for (const box of boxes.values()) box.setAttribute("tabindex", "-1");
stand(current);
tools.hidden = false;
zoom(fitting() >= READABLE ? fitting() : 1);
bring(current, true);
document.documentElement.dataset.moves = "";
