import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { lifetimeBands, streams, unanswered } from '../lib/log-patterns.ts';
import { endsMin } from '../lib/sight.ts';
import { hasRegex, matches, valueOf } from './lib/cloudwatch.ts';
import { container, environment, template } from './lib/made.ts';

const filters = Object.values(template().findResources('AWS::Logs::MetricFilter')).map((r) => r.Properties);
const alarms = Object.values(template().findResources('AWS::CloudWatch::Alarm')).map((r) => r.Properties);

/** Lines in both forms of the log. */
function ended(seconds: number, how = ''): string[] {
  const message = `[MCP] Client disconnected: N517VSnnuK0 (ada@example.com) after ${seconds}s${how}`;
  return [`2026-11-30T12:00:00.000Z INFO ${message}`, JSON.stringify({ time: '2026-11-30T12:00:00.000Z', level: 'info', message })];
}

function filter(name: string): any {
  return filters.find((f) => f.MetricTransformations[0].MetricName === name);
}

function alarm(metric: string): any {
  return alarms.find((a) => a.MetricName === metric || a.Metrics?.some((m: any) => m.MetricStat?.Metric.MetricName === metric));
}

describe('logs', () => {
  test('are kept for as long as is said, and no longer', () => {
    const groups = Object.values(template().findResources('AWS::Logs::LogGroup'));
    assert.equal(groups.length, 2);
    for (const group of groups) assert.deepEqual([group.Properties.RetentionInDays, group.DeletionPolicy], [90, 'Retain']);
  });

  test('each container writes into one', () => {
    for (const name of ['files', 'haproxy', 'mgw']) assert.equal(container(name).LogConfiguration.LogDriver, 'awslogs');
  });
});

describe('numbers out of the log', () => {
  test('disconnects, as mgw spells them', () => {
    const pattern = filter('StreamsEnded').FilterPattern;
    for (const line of ended(7265)) assert.equal(matches(pattern, line), true);
    assert.equal(matches(pattern, ended(7265)[0].toLowerCase()), false);
    for (const line of ended(60, ', answered')) {
      for (const { name } of [{ name: 'StreamsEnded' }, ...lifetimeBands]) assert.equal(matches(filter(name).FilterPattern, line), false, line);
    }
    assert.equal(matches(filter('StreamsOpened').FilterPattern, '2026-11-30T12:00:00.000Z INFO [MCP] Client connected: x (a@example.com)'), true);
  });

  test('each age at which a stream ends is in one band at most, and in the right one', () => {
    for (let seconds = 0; seconds <= 1300; seconds++) {
      const want = lifetimeBands.filter((b) => seconds >= b.from && seconds <= b.to).map((b) => b.name);
      for (const line of ended(seconds))
        assert.deepEqual(lifetimeBands.filter((b) => matches(filter(b.name).FilterPattern, line)).map((b) => b.name), want, line);
    }
  });

  test('streams, out of the line that tells of keep-alives', () => {
    assert.equal(environment('mgw').MGW_LOG_FORMAT, 'text');
    const { FilterPattern, MetricTransformations: [to] } = filter(streams.name);
    assert.equal(valueOf(FilterPattern, to.MetricValue, '2026-11-30T12:00:00.000Z INFO [MCP] : keep-alive sent to 42 streams'), 42);
    assert.equal(matches(FilterPattern, ended(42)[0]), false);
  });

  test('answers that HAProxy has no mgw for', () => {
    const { FilterPattern } = filter(unanswered.name);
    assert.equal(matches(FilterPattern, '{"event":"request","status":503}'), true);
    assert.equal(matches(FilterPattern, '{"event":"request","status":500}'), false);
    assert.equal(matches(FilterPattern, '{"event":"connection error"}'), false);
  });

  test('no group has more regular expressions than CloudWatch takes', () => {
    const groups = new Map<string, number>();
    for (const f of filters.filter((one) => hasRegex(one.FilterPattern)))
      groups.set(f.LogGroupName.Ref, (groups.get(f.LogGroupName.Ref) ?? 0) + 1);
    for (const [group, n] of groups) assert.ok(n <= 5, `${group}: ${n}`);
  });
});

describe('alarms', () => {
  for (const { name, suspect } of lifetimeBands) {
    test(`${name}: half of all streams end so`, () => {
      const found = alarm(name);
      assert.equal(found.Metrics[0].Expression, `IF(ends >= ${endsMin}, some / ends, 0)`);
      assert.deepEqual(found.Metrics.slice(1).map((m: any) => [m.Id, m.MetricStat.Metric.MetricName]), [['some', name], ['ends', 'StreamsEnded']]);
      assert.equal(found.Threshold, 0.5);
      assert.ok(found.AlarmDescription.includes(suspect));
    });
  }

  test('a login that was stolen, a task that is full, no mgw, no task, errors', () => {
    for (const metric of ['Thefts', 'Streams', 'Unanswered', 'HealthyHostCount', 'HTTPCode_ELB_5XX_Count', 'HTTPCode_Target_5XX_Count'])
      assert.ok(alarm(metric), metric);
    assert.equal(alarm('Streams').Threshold, 8000);
    assert.equal(alarm('HealthyHostCount').TreatMissingData, 'breaching');
  });

  test('each is told to somebody', () => {
    for (const a of alarms) assert.equal(a.AlarmActions.length, 1);
    template().resourceCountIs('AWS::SNS::Topic', 1);
  });
});
