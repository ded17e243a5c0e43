// What is seen of it from outside: logs that are kept, numbers read out of them, and alarms.

import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, MathExpression, Metric, TreatMissingData, type IMetric } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { HttpCodeElb, HttpCodeTarget } from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import { FilterPattern, LogGroup, MetricFilter, type ILogGroup } from 'aws-cdk-lib/aws-logs';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { Balancer } from './balancer.ts';
import { connects, disconnects, lifetimeBands, streams, theft, unanswered } from './log-patterns.ts';
import type { Settings } from './settings.ts';

export const namespace = 'mgw';

export class Logs extends Construct {
  readonly mgw: ILogGroup;
  readonly haproxy: ILogGroup;
  readonly streams: IMetric;

  constructor(scope: Construct, id: string, { logDays }: Settings) {
    super(scope, id);
    this.mgw = this.#group('mgw', logDays);
    this.haproxy = this.#group('haproxy', logDays);
    for (const { name, pattern } of [connects, disconnects, theft, ...lifetimeBands]) this.#filter(this.mgw, name, pattern, '1');
    this.#filter(this.haproxy, unanswered.name, unanswered.pattern, '1');
    this.#filter(this.mgw, streams.name, streams.pattern, streams.value);
    this.streams = new Metric({ namespace, metricName: streams.name, statistic: 'Average', period: Duration.minutes(1) });
  }

  #group(name: string, retention: number): LogGroup {
    return new LogGroup(this, name, { logGroupName: `/mgw/${name}`, retention, removalPolicy: RemovalPolicy.RETAIN });
  }

  #filter(logGroup: ILogGroup, name: string, pattern: string, metricValue: string): void {
    new MetricFilter(this, name, {
      logGroup, metricNamespace: namespace, metricName: name, metricValue, filterPattern: FilterPattern.literal(pattern), defaultValue: 0,
    });
  }
}

/** Fewer ends than this in five minutes say nothing. */
export const endsMin = 10;

function sum(metricName: string): Metric {
  return new Metric({ namespace, metricName, statistic: 'Sum', period: Duration.minutes(5) });
}

export class Alarms extends Construct {
  #topic: Topic;

  constructor(scope: Construct, id: string, settings: Settings, logs: Logs, balancer: Balancer) {
    super(scope, id);
    this.#topic = new Topic(this, 'Topic', { enforceSSL: true });
    for (const { name, suspect, from, to } of lifetimeBands)
      this.#alarm(name, `half of all streams end when they are ${from} to ${to} s old: ${suspect}`, this.#share(name), 0.5, 3);
    this.#alarm('Thefts', 'a refresh token came twice: its login was ended', sum(theft.name), 1);
    this.#alarm('Full', 'a task holds four fifths of its streams', logs.streams, 0.8 * settings.streamsPerTask, 5);
    this.#alarm('Unanswered', 'HAProxy has no mgw behind it', sum(unanswered.name), 5);
    this.#balancer(balancer);
  }

  /** The part of all ends that were so, where there are enough of them to tell. */
  #share(name: string): MathExpression {
    return new MathExpression({
      expression: `IF(ends >= ${endsMin}, some / ends, 0)`,
      usingMetrics: { some: sum(name), ends: sum(disconnects.name) },
      period: Duration.minutes(5),
      label: `${name} of all`,
    });
  }

  #balancer({ alb, targets }: Balancer): void {
    const fiveMinutes = { period: Duration.minutes(5), statistic: 'Sum' };
    this.#alarm('NoTarget', 'no task is ready', targets.metrics.healthyHostCount({ period: Duration.minutes(1), statistic: 'Minimum' }), 1, 5,
      ComparisonOperator.LESS_THAN_THRESHOLD, TreatMissingData.BREACHING);
    this.#alarm('BalancerErrors', 'the load balancer itself answers 5xx: its connection to a task was cut, or there is none',
      alb.metrics.httpCodeElb(HttpCodeElb.ELB_5XX_COUNT, fiveMinutes), 10);
    this.#alarm('TaskErrors', 'tasks answer 5xx', targets.metrics.httpCodeTarget(HttpCodeTarget.TARGET_5XX_COUNT, fiveMinutes), 50);
  }

  #alarm(
    name: string, alarmDescription: string, metric: IMetric, threshold: number, evaluationPeriods = 1,
    comparisonOperator = ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD, treatMissingData = TreatMissingData.NOT_BREACHING,
  ): void {
    new Alarm(this, name, { alarmDescription, metric, threshold, evaluationPeriods, comparisonOperator, treatMissingData })
      .addAlarmAction(new SnsAction(this.#topic));
  }
}
