// Charts: ECharts in the page's colours, labelled for those who cannot see them, and exported as PNG or SVG.
import { add, download, h } from "./dom.js";
import { plain } from "./format.js";

let echarts = null;

/** Load the library, once; a page that shows figures first does so before this takes its time. */
export const library = async () => (echarts ??= await import("./vendor/echarts.esm.min.js"));

/** Wait until what is in the page has been painted. */
export const painted = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));

export const SYMBOLS = ["circle", "rect", "triangle", "diamond", "roundRect", "triangle", "circle", "rect"];
const HOLLOW = 5; // the symbols from here on are drawn without a filling

/** Return the value of a colour variable of the style sheet. */
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
export const theme = () => (document.documentElement.dataset.theme === "dark" ? "dark" : "light");
const row = (name, count) => Array.from({ length: count }, (_, i) => colour(`${name}-${i + 1}`));
export const palette = () => row("series", 8);
export const scale = () => row("scale", 7);

/** Return a text that the chart library does not take for markup of its own. */
export const quiet = (text) => String(text).replaceAll("{", "(").replaceAll("}", ")").replaceAll("|", "/");

const FONT = "12px sans-serif", ROW = 22;
const brush = document.createElement("canvas").getContext("2d");
const widthOf = (text) => { brush.font = FONT; return brush.measureText(text).width; };

/** Return how many rows the legend of a chart of this width fills. */
export function legendRows(option, width) {
  const names = option.legend === null ? [] : (option.legend?.data ?? option.series.map((s) => s.name)).map((n) => n.name ?? n);
  let rows = names.length ? 1 : 0, x = 0;
  for (const each of names) {
    const needs = 25 + 5 + widthOf(each); // the symbol, its gap, the name
    if (x && x + needs > width - 26) { rows++; x = 0; }
    x += needs + 10;
  }
  return rows;
}

/** Return what all charts of a width have in common; `option` adds to it. The legend has rows of its own above the data. */
export function styled(option, width) {
  const top = Math.max(12, 12 + ROW * legendRows(option, width) + (option.headroom ?? 0));
  const text = colour("text"), soft = colour("soft"), line = colour("line");
  const axis = (a) => ({
    ...a, nameLocation: "middle", nameGap: a.nameGap ?? 28, nameTextStyle: { color: text }, axisLabel: { color: soft, ...a.axisLabel },
    axisLine: { ...a.axisLine, lineStyle: { color: soft } }, splitLine: { lineStyle: { color: line, opacity: 0.5 }, ...a.splitLine },
  });
  return {
    animation: false, progressive: 0, backgroundColor: colour("ground"), color: palette(), textStyle: { color: text },
    ...option,
    grid: { left: 64, right: 20, bottom: 52, ...option.grid, top },
    tooltip: { renderMode: "richText", confine: true, backgroundColor: colour("raised"), borderColor: line, textStyle: { color: text }, ...option.tooltip },
    legend: option.legend === null ? undefined : { type: "plain", top: 4, left: "center", width: width - 24, itemGap: 10, textStyle: { color: text, fontFamily: "sans-serif", fontSize: 12 }, ...option.legend },
    xAxis: option.xAxis && axis(option.xAxis),
    yAxis: option.yAxis && [option.yAxis].flat().map((a) => axis({ nameGap: 44, ...a })),
  };
}

const open = new Set();

/** A chart in the page. `label` says what it shows; `size` is short, mid or tall. */
export class Chart {
  constructor(label, size = "mid", props = {}) {
    this.host = h("div", { class: `chart chart-${size}`, role: "img", "aria-label": label, ...props });
    this.label = label;
    this.instance = null;
    this.savers = [];
  }

  /** Draw `option`, once the chart is in the page and the library is there. */
  draw(option, replace = true) {
    this.option = option;
    if (!echarts) {
      library().then(() => this.option === option && this.draw(option, replace));
      return;
    }
    if (!this.instance) {
      this.instance = echarts.init(this.host, null, { renderer: "canvas" });
      this.height = this.host.clientHeight; // with a legend of one row
      this.watch = new ResizeObserver(() => this.resize());
      this.watch.observe(this.host);
      open.add(this);
    }
    this.width = this.host.clientWidth;
    this.host.style.height = `${this.height + ROW * Math.max(0, legendRows(option, this.width) - 1)}px`; // the data keep their room
    this.instance.resize();
    this.instance.setOption(styled(fitted(option, this.width), this.width), replace);
    for (const button of this.savers) button.disabled = false;
  }

  resize() {
    if (!this.instance || !this.option) return;
    if (this.host.clientWidth !== this.width) this.draw(this.option, false);
    else this.instance.resize();
  }

  close() {
    this.option = null;
    this.watch?.disconnect();
    const gone = this.instance;
    setTimeout(() => gone?.dispose(), 1000); // a frame of it may still be on its way, and fails without its painter
    this.instance = null;
    open.delete(this);
  }

  /** Return the chart as a text of SVG. */
  svg() {
    const { width, height } = this.host.getBoundingClientRect();
    const wide = Math.max(700, width);
    const aside = echarts.init(null, null, { renderer: "svg", ssr: true, width: wide, height: Math.max(380, height) });
    aside.setOption(styled(fitted(this.option, wide), wide));
    const text = aside.renderToSVGString();
    aside.dispose();
    return text;
  }

  /** Return the chart as a PNG Blob, twice as fine as on the screen. */
  async png() {
    const url = this.instance.getDataURL({ type: "png", pixelRatio: 2, backgroundColor: colour("ground") });
    const bytes = Uint8Array.from(atob(url.split(",")[1]), (c) => c.charCodeAt(0));
    return new Blob([bytes], { type: "image/png" });
  }

  /** Return buttons that save the chart under `name`, as soon as it is drawn. */
  buttons(name) {
    const button = (kind, save) => h("button", { type: "button", disabled: !this.instance, onclick: save }, kind);
    this.savers = [
      button("PNG", async () => download(`${name}.png`, await this.png())),
      button("SVG", () => download(`${name}.svg`, this.svg(), "image/svg+xml")),
    ];
    return this.savers;
  }
}

/** Close every chart: the page is left. */
export function closeAll() {
  for (const chart of [...open]) chart.close();
}

const BANDS = 0.13;

/** Return the option of scaling curves: accuracy against tokens, with bands of the 95% intervals. `curves` as the server sends them. */
export function scaling(curves, { xName = "mean tokens of a question (log scale)", dashed = () => false, banded = () => true, above = () => false } = {}) {
  const colours = palette();
  const shown = curves.filter((c) => c.points.length);
  const all = shown.flatMap((c) => c.points), most = Math.max(1, ...all.map((p) => p.mean_tokens));
  // what costs less than a hundredth of the dearest is nobody's choice, and would fill the picture
  const inside = all.filter((p) => p.mean_tokens >= most / 100), left = Math.min(most, ...inside.map((p) => p.mean_tokens)) / 1.15, right = most * 1.15;
  const heights = shown.flatMap((c) => c.points.filter((p) => p.mean_tokens >= left).flatMap((p) => (banded(c) ? p.accuracy_ci : [p.accuracy_pct])));
  const low = Math.min(...heights), high = Math.max(...heights), whole = (value, round) => 5 * round(value / 5); // labels at the ends, too, are apart
  const series = shown.flatMap((curve, i) => {
    const points = [...curve.points].sort((a, b) => a.mean_tokens - b.mean_tokens);
    const tint = colours[i % colours.length], name = quiet(curve.label ?? curve.id);
    const line = {
      name, type: "line", color: tint, symbol: SYMBOLS[i % SYMBOLS.length], symbolSize: 8, itemStyle: i % SYMBOLS.length < HOLLOW ? {} : { color: colour("ground"), borderColor: tint, borderWidth: 2 }, z: above(curve) ? 4 : 3,
      lineStyle: { color: tint, width: 2, type: dashed(curve) ? "dashed" : "solid" }, emphasis: { focus: "series" },
      data: points.map((p) => ({ value: [Math.max(1, p.mean_tokens), p.accuracy_pct], point: p })),
    };
    return banded(curve) ? [line, band(name, points, tint)] : [line];
  });
  return {
    legend: { data: shown.map((c) => quiet(c.label ?? c.id)) },
    tooltip: { formatter: (at) => tip(at.seriesName, at.data.point) },
    xAxis: { type: "log", name: xName, min: left, max: right },
    yAxis: { type: "value", name: "accuracy, %", min: heights.length ? Math.max(0, whole(low - 1, Math.floor)) : 0, max: heights.length ? Math.min(100, whole(high + 1, Math.ceil)) : 100 },
    series,
  };
}

/** Return `option` with as many labels on a logarithmic x axis as have room beside each other in a chart of this width. */
function fitted(option, width) {
  const axis = option.xAxis;
  if (axis?.type !== "log") return option;
  const write = width < 520 ? (v) => (v >= 1000 ? `${plain(v / 1000)}k` : plain(v)) : (v) => plain(v);
  const room = (width - 84) / Math.log10(axis.max / axis.min); // pixels for a factor of ten
  const apart = (values) => values.every((v, i) => !i || room * Math.log10(v / values[i - 1]) > (widthOf(write(v)) + widthOf(write(values[i - 1]))) / 2 + 8);
  const customValues = [[1, 2, 5], [1, 3], [1]].map((parts) => steps(axis.min, axis.max, parts)).find(apart) ?? [];
  return { ...option, xAxis: { ...axis, axisTick: { customValues }, axisLabel: { customValues, formatter: write } } };
}

/** Return `parts` times the powers of ten between two numbers. */
function steps(low, high, parts) {
  const found = [];
  for (let e = Math.floor(Math.log10(low)); e <= Math.log10(high); e++) for (const m of parts) if (m * 10 ** e >= low && m * 10 ** e <= high) found.push(m * 10 ** e);
  return found;
}

function tip(name, p) {
  return p && `${name}, beta ${p.beta}\naccuracy ${plain(p.accuracy_pct, 1)}% [${plain(p.accuracy_ci[0], 1)}, ${plain(p.accuracy_ci[1], 1)}]\n${plain(p.mean_tokens)} tokens [${plain(p.mean_tokens_ci[0])}, ${plain(p.mean_tokens_ci[1])}]`;
}

function band(name, points, tint) {
  return {
    name, type: "custom", color: tint, silent: true, z: 1, clip: true, tooltip: { show: false },
    data: [[points[0] ? Math.max(1, points[0].mean_tokens) : 1, points[0]?.accuracy_pct ?? 0]],
    renderItem: (_, api) => {
      const edge = (p, k) => api.coord([Math.max(1, p.mean_tokens), p.accuracy_ci[k]]);
      const corners = [...points.map((p) => edge(p, 1)), ...points.toReversed().map((p) => edge(p, 0))];
      return { type: "polygon", shape: { points: corners }, style: { fill: tint, opacity: BANDS } };
    },
  };
}

/** Return a figure of the page: a chart with its buttons and, folded, its numbers. */
export function framed(chart, name, numbers) {
  return add(h("div", {}), chart.host, h("div", { class: "bar" }, chart.buttons(name)),
    numbers ? h("details", {}, h("summary", {}, "The numbers"), numbers) : null);
}
