// What the extension io.modelcontextprotocol/tasks of 2026-07-28 says of its messages, as far as they carry a task.

import { Ajv2020 } from 'ajv/dist/2020.js';

const task = (more = {}) => ({
  type: 'object',
  properties: {
    taskId: { type: 'string' },
    status: { enum: ['working', 'input_required', 'completed', 'cancelled', 'failed'] },
    createdAt: { type: 'string' },
    lastUpdatedAt: { type: 'string' },
    ttlMs: { type: ['integer', 'null'] },
    pollIntervalMs: { type: 'integer' },
    ...more,
  },
  required: ['taskId', 'status', 'createdAt', 'lastUpdatedAt', 'ttlMs', ...Object.keys(more)],
});

const detailed = {
  ...task(),
  allOf: [['input_required', 'inputRequests'], ['completed', 'result'], ['failed', 'error']].map(([status, member]) => ({
    if: { properties: { status: { const: status } } }, then: { required: [member] },
  })),
};

const ajv = new Ajv2020({ allowUnionTypes: true });
const checks = {
  CreateTaskResult: ajv.compile(task({ resultType: { const: 'task' } })),
  GetTaskResult: ajv.compile({ allOf: [detailed, { properties: { resultType: { const: 'complete' } }, required: ['resultType'] }] }),
  TaskStatusNotificationParams: ajv.compile(detailed),
};

/** What is wrong with a value that should be that. */
export const taskProblems = (name, value) => (checks[name](value) ? [] : checks[name].errors);
