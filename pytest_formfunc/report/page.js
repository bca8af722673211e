"use strict";
// Draws each figure's specification from the page's points, and shows of charts and tables what the filters choose.
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const points = read("points");
  const selects = [...document.querySelectorAll(".filters select")];
  const views = [];
  const chosen = () => points.filter((point) => selects.every((one) => !one.value || String(point[one.name]) === one.value));

  const show = () => {
    const rows = chosen();
    const visible = new Set(rows.map((point) => String(point.row)));
    for (const row of document.querySelectorAll("tr[data-row]")) row.hidden = !visible.has(row.dataset.row);
    const backend = selects.find((one) => one.name === "backend")?.value;
    for (const one of document.querySelectorAll("[data-backend]")) one.hidden = Boolean(backend) && one.dataset.backend !== backend;
    for (const view of views) view.data("points", rows).runAsync();
    document.getElementById("shown").textContent = `${rows.length} of ${points.length} rows`;
  };

  const draw = async (figure) => {
    const spec = JSON.parse(figure.querySelector("script").textContent);
    spec.datasets = { ...spec.datasets, points: chosen() };
    const result = await window.vegaEmbed(figure.querySelector(".chart"), spec, {
      logLevel: 1, // errors; that a filter leaves a chart without points is none
      renderer: "svg", actions: { export: true, source: false, compiled: false, editor: false },
    });
    views.push(result.view);
    figure.querySelector(".chart summary")?.setAttribute("aria-label", `save the chart ${figure.id} as a picture`);
  };

  for (const one of selects) one.addEventListener("change", show);
  show();
  const figures = [...document.querySelectorAll("figure")].filter((one) => one.querySelector(".chart"));
  Promise.all(figures.map(draw)).then(() => { document.documentElement.dataset.drawn = String(views.length); });
})();
