// What a dashboard may be, by the types that Grafana publishes, for those kinds of panels that ours have. deploy/check looks
// with it through what deploy/grafana/make writes.
import type * as grafana from '@grafana/schema';
import type * as stat from '@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen.d.ts';
import type * as timeseries from '@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen.d.ts';

// As JSON has it, where an enumeration is the text or number of one of its members.
type Json<T> = T extends string ? `${T}` : T extends number | boolean | null | undefined ? T
  : T extends object ? { [K in keyof T]: Json<T[K]> } : T;

// What the data source for Prometheus reads; Grafana does not publish its types with the others.
interface Query {
  refId: string;
  datasource: grafana.DataSourceRef;
  editorMode: 'code';
  expr: string;
  legendFormat: string;
  range: boolean;
  instant?: boolean;
  exemplar?: boolean;
}

interface Of<Kind, Options, Fields> extends Required<Pick<grafana.Panel, 'id' | 'title' | 'description' | 'datasource' | 'gridPos'>> {
  type: Kind;
  targets: Query[];
  options: Options;
  fieldConfig: { defaults: Omit<grafana.FieldConfig, 'custom'> & { custom?: Fields }; overrides: [] };
}

type Panel = Of<'timeseries', timeseries.Options, timeseries.FieldConfig> | Of<'stat', stat.Options, never> | grafana.RowPanel;

export type Written = Json<Omit<grafana.Dashboard, 'panels'> & { panels: Panel[] }>;
