import { type Panel, type Section, sections } from "./panels.ts";

/** Grafana counts 24 columns. */
const columns = 24;
const panelHeight = 8;
/** Version of Grafana's dashboard model that the file is written in; a newer Grafana migrates it. */
const schemaVersion = 39;
const datasource = { type: "prometheus", uid: "$datasource" };

/** The dashboard as the file that Grafana imports. */
export function dashboardJson(): string {
  const dashboard = {
    uid: "poolkit",
    title: "Poolkit",
    description: "The path of connections: application, PgBouncer, Postgres.",
    tags: ["poolkit"],
    schemaVersion,
    editable: true,
    graphTooltip: 1,
    refresh: "30s",
    time: { from: "now-1h", to: "now" },
    templating: { list: [datasourceVariable, stackVariable] },
    annotations: { list: [firingAlerts] },
    panels: panelsOf(sections),
  };
  return `${JSON.stringify(dashboard, undefined, 2)}\n`;
}

const datasourceVariable = {
  name: "datasource",
  label: "Prometheus",
  type: "datasource",
  query: "prometheus",
};

const stackVariable = {
  name: "stack",
  label: "Stack",
  type: "query",
  datasource,
  query: { query: "label_values(up, stack)", refId: "stack" },
  refresh: 2,
  sort: 1,
};

const firingAlerts = {
  name: "Alerts",
  enable: true,
  datasource,
  expr: 'ALERTS{stack="$stack",alertstate="firing"}',
  titleFormat: "{{alertname}}",
  iconColor: "red",
};

function panelsOf(rows: readonly Section[]): object[] {
  let id = 0;
  return rows.flatMap(({ title, panels }, row) => {
    const y = row * (panelHeight + 1);
    const heading = {
      id: ++id,
      type: "row",
      title,
      collapsed: false,
      panels: [],
      gridPos: { x: 0, y, w: columns, h: 1 },
    };
    const w = columns / panels.length;
    const graphs = panels.map((panel, column) => ({
      id: ++id,
      ...timeSeries(panel),
      gridPos: { x: column * w, y: y + 1, w, h: panelHeight },
    }));
    return [heading, ...graphs];
  });
}

function timeSeries({ title, description, unit, lines }: Panel): object {
  return {
    type: "timeseries",
    title,
    description,
    datasource,
    fieldConfig: { defaults: { unit, min: 0, custom: { lineWidth: 1, fillOpacity: 5 } }, overrides: [] },
    options: {
      legend: { displayMode: "list", placement: "bottom", showLegend: true },
      tooltip: { mode: "multi" },
    },
    targets: lines.map(({ expr, legend }, index) => ({
      refId: String.fromCharCode("A".charCodeAt(0) + index),
      datasource,
      expr,
      legendFormat: legend,
    })),
  };
}
