// Puts an interactive picture in the place of each drawn one. Where that fails, the drawn one
// stays. Expressions are interpreted, not compiled, so that the page can forbid eval.
const draw = async (source) => {
  const place = document.getElementById(source.dataset.plot);
  const fresh = document.createElement("div");
  try {
    await vegaEmbed(fresh, JSON.parse(source.textContent), {
      actions: false,
      ast: true,
      defaultStyle: false,
      renderer: "svg",
      tooltip: { disableDefaultStyle: true },
    });
    const drawn = fresh.querySelector("svg");
    drawn.setAttribute("aria-hidden", "true");
    drawn.removeAttribute("width");
    drawn.removeAttribute("height");
    place.replaceChildren(fresh);
    place.dataset.live = "";
  } catch (error) {
    console.error(source.dataset.plot, error);
  }
};

Promise.all([...document.querySelectorAll("script[data-plot]")].map(draw)).then(() => {
  document.documentElement.dataset.drawn = "";
});

// On paper nothing can be opened.
const closed = [];
addEventListener("beforeprint", () => {
  for (const each of document.querySelectorAll("details:not([open])")) {
    closed.push(each);
    each.open = true;
  }
});
addEventListener("afterprint", () => {
  while (closed.length) closed.pop().open = false;
});
