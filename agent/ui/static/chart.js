// Charts: ECharts in the page's colours, labelled for those who cannot see them, and exported as PNG or SVG.
import { add, download, h } from "./dom.js";
import { plain } from "./format.js";

let echarts = null;

/** Load the library, once; a page that shows figures first does so before this takes its time. */
export const library = async () => (echarts ??= await import("./vendor/echarts.esm.min.js"));

/** Wait until what is in the page has been painted. */
export const painted = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));

export const SYMBOLS = ["circle", "rect", "triangle", "diamond", "roundRect", "arrow", "emptyCircle", "emptyRect"];

/** Return the value of a colour variable of the style sheet. */
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
export const theme = () => (document.documentElement.dataset.theme === "dark" ? "dark" : "light");
const row = (name, count) => Array.from({ length: count }, (_, i) => colour(`${name}-${i + 1}`));
export const palette = () => row("series", 8);
export const scale = () => row("scale", 7);

/** Return a text that the chart library does not take for markup of its own. */
export const quiet = (text) => String(text).replaceAll("{", "(").replaceAll("}", ")").replaceAll("|", "/");

/** Return what all charts have in common; `option` adds to it. */
export function styled(option) {
  const text = colour("text"), soft = colour("soft"), line = colour("line");
  const axis = (a) => ({
    ...a, nameLocation: "middle", nameGap: a.nameGap ?? 28, nameTextStyle: { color: text }, axisLabel: { color: soft, ...a.axisLabel },
    axisLine: { ...a.axisLine, lineStyle: { color: soft } }, splitLine: { lineStyle: { color: line, opacity: 0.5 }, ...a.splitLine },
  });
  return {
    animation: false, progressive: 0, backgroundColor: colour("ground"), color: palette(), textStyle: { color: text },
    grid: { left: 64, right: 20, top: 40, bottom: 52 },
    ...option,
    tooltip: { renderMode: "richText", confine: true, backgroundColor: colour("raised"), borderColor: line, textStyle: { color: text }, ...option.tooltip },
    legend: option.legend === null ? undefined : { type: "scroll", top: 4, textStyle: { color: text }, pageTextStyle: { color: text }, pageIconColor: text, ...option.legend },
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
      this.watch = new ResizeObserver(() => this.instance?.resize());
      this.watch.observe(this.host);
      open.add(this);
    }
    this.instance.setOption(styled(option), replace);
    for (const button of this.savers) button.disabled = false;
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
    const aside = echarts.init(null, null, { renderer: "svg", ssr: true, width: Math.max(700, width), height: Math.max(380, height) });
    aside.setOption(styled(this.option));
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
export function scaling(curves, { xName = "mean tokens of a question (log scale)", dashed = () => false, banded = () => true } = {}) {
  const colours = palette();
  const shown = curves.filter((c) => c.points.length);
  const all = shown.flatMap((c) => c.points), most = Math.max(1, ...all.map((p) => p.mean_tokens));
  // what costs less than a hundredth of the dearest is nobody's choice, and would fill the picture
  const inside = all.filter((p) => p.mean_tokens >= most / 100), left = Math.min(most, ...inside.map((p) => p.mean_tokens)) / 1.15, right = most * 1.15;
  const heights = shown.flatMap((c) => c.points.filter((p) => p.mean_tokens >= left).flatMap((p) => (banded(c) ? p.accuracy_ci : [p.accuracy_pct])));
  const low = Math.min(...heights), high = Math.max(...heights);
  const series = shown.flatMap((curve, i) => {
    const points = [...curve.points].sort((a, b) => a.mean_tokens - b.mean_tokens);
    const tint = colours[i % colours.length], name = quiet(curve.label ?? curve.id);
    const line = {
      name, type: "line", color: tint, symbol: SYMBOLS[i % SYMBOLS.length], symbolSize: 8, z: 3,
      lineStyle: { width: 2, type: dashed(curve) ? "dashed" : "solid" }, emphasis: { focus: "series" },
      data: points.map((p) => ({ value: [Math.max(1, p.mean_tokens), p.accuracy_pct], point: p })),
    };
    return banded(curve) ? [line, band(name, points, tint)] : [line];
  });
  return {
    legend: { data: shown.map((c) => quiet(c.label ?? c.id)) },
    tooltip: { formatter: (at) => tip(at.seriesName, at.data.point) },
    xAxis: { type: "log", name: xName, min: left, max: right, axisTick: { customValues: steps(left, right) }, axisLabel: { customValues: steps(left, right), formatter: (v) => plain(v) } },
    yAxis: { type: "value", name: "accuracy, %", min: heights.length ? Math.max(0, Math.floor(low - 3)) : 0, max: heights.length ? Math.min(100, Math.ceil(high + 3)) : 100 },
    series,
  };
}

/** Return 1, 2 and 5 times the powers of ten between two numbers. */
function steps(low, high) {
  const found = [];
  for (let e = Math.floor(Math.log10(low)); e <= Math.log10(high); e++) for (const m of [1, 2, 5]) if (m * 10 ** e >= low && m * 10 ** e <= high) found.push(m * 10 ** e);
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
