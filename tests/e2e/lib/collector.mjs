// The OpenTelemetry collector's receiver (Go), which tools/test.sh has built: it prints what it takes.

import path from 'node:path';
import { freePort, Program, top } from './gateway.mjs';

export const collector = process.env.MGW_TEST_COLLECTOR ?? path.join(top, 'build/collector/collector');

/** Returns { url, spans(), resource(), stop() }; spans have their attributes as an object. */
export async function startCollector(port) {
  port ??= await freePort();
  const program = new Program('collector', collector, [`127.0.0.1:${port}`]);
  await program.line(/^listening$/);
  const batches = () => program.lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
  return {
    port, program, url: `http://127.0.0.1:${port}/v1/traces`,
    spans: () => batches().flatMap(spansOf),
    resource: () => attributesOf(batches()[0].resourceSpans[0].resource.attributes),
    stop: () => program.stop(),
  };
}

const valueOf = ({ stringValue, intValue }) => stringValue ?? Number(intValue);
const attributesOf = (list) => Object.fromEntries((list ?? []).map(({ key, value }) => [key, valueOf(value)]));

/** Of an OTLP request in JSON. */
export const spansOf = (batch) => batch.resourceSpans.flatMap((r) => r.scopeSpans.flatMap((s) => s.spans))
  .map((span) => ({ ...span, attributes: attributesOf(span.attributes) }));
