// Prints the titles of all tests in the files that it is given, as { file: [title] }, and runs none of them: the files are loaded
// with a node:test that takes down what it is told.

import { register } from 'node:module';
import path from 'node:path';

const moduleOf = (text) => `data:text/javascript,${encodeURIComponent(text)}`;

const nodeTest = moduleOf(`
  const nothing = () => {};
  export const test = (title) => globalThis.titles.push(title);
  export const describe = (title, ...rest) => rest.at(-1)();
  export { nothing as before, nothing as after, nothing as beforeEach, nothing as afterEach };
`);
register(moduleOf(`
  export const resolve = (specifier, context, next) =>
    specifier === 'node:test' ? { url: ${JSON.stringify(nodeTest)}, shortCircuit: true } : next(specifier, context);
`));

const all = {};
for (const file of process.argv.slice(2)) {
  globalThis.titles = [];
  await import(path.resolve(file));
  all[file] = globalThis.titles;
}
process.stdout.write(JSON.stringify(all), () => process.exit(0));
