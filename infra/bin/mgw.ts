// What cdk runs: npx cdk synth --context settings=FILE

import { App } from 'aws-cdk-lib';
import { addChecks, makeStacks } from '../lib/app.ts';
import { readSettings } from '../lib/settings.ts';

const app = new App();
const { settings, config } = readSettings(app.node.tryGetContext('settings'));
makeStacks(app, settings, config);
addChecks(app);
app.synth();
