// What a deployment says of itself: a file of JSON, named by `cdk synth --context settings=FILE`. Everything is a parameter and nothing is
// looked up, so a template can be made without an account.

import fs from 'node:fs';
import path from 'node:path';

export interface Network {
  vpcId: string;
  availabilityZones: string[];
  /** Where the load balancer stands. */
  publicSubnetIds: string[];
  /** Their networks: HAProxy believes what comes from there about a client's address. */
  publicSubnetCidrs: string[];
  /** Where the tasks and the file system stand; with a way out, by NAT or endpoints. */
  privateSubnetIds: string[];
}

export interface Settings {
  account: string;
  region: string;
  publicUrl: string;
  certificateArn: string;
  network: Network;
  /** Of both images in the registry. */
  tag: string;
  /** mgw's configuration, relative to the file of settings. Part of the task definition: an older one brings its own back. */
  config: string;
  /** Name of the secret that holds the file of tokens; none where everybody comes by auth.login or auth.jwt. */
  tokensSecret?: string;
  /** Environment variable to name of a secret: what ${env:NAME} stands for in the configuration. */
  secrets: Record<string, string>;
  /** efs: what must outlive a task is on a file system, one task at a time has it. memory: it ends with the task. */
  state: 'efs' | 'memory';
  /** Clients come through Cloudflare, and nobody else is let in. */
  cloudflare: boolean;
  /** Who may come, where it is not Cloudflare alone. */
  clients: string[];
  cpu: number;
  memoryMiB: number;
  architecture: 'X86_64' | 'ARM64';
  /** mgw's drain_s. */
  drainSeconds: number;
  tasks: { min: number; max: number };
  /** Of one task: autoscaling holds the tasks at it, and an alarm tells of four fifths of streams_max. */
  streamsPerTask: number;
  logDays: number;
}

const defaults = {
  secrets: {},
  state: 'efs',
  cloudflare: false,
  clients: ['0.0.0.0/0'],
  cpu: 1024,
  memoryMiB: 2048,
  architecture: 'X86_64',
  drainSeconds: 25,
  tasks: { min: 1, max: 1 },
  streamsPerTask: 10000,
  logDays: 90,
};

const needed = ['account', 'region', 'publicUrl', 'certificateArn', 'network', 'tag', 'config'];
const neededOfNetwork = ['vpcId', 'availabilityZones', 'publicSubnetIds', 'publicSubnetCidrs', 'privateSubnetIds'];

/** What Fargate gives a container after SIGTERM at most. */
export const stopSecondsMax = 120;
/** What mgw needs past its drain_s. */
export const stopSecondsMore = 10;

/** Of mgw's configuration as JSON has it, in a task definition of 64 kB. */
export const configBytesMax = 50000;

/** CPU units of Fargate, and the MiB that go with them: from, to, in steps of. */
const memoryOf: Record<number, [number, number, number]> = {
  256: [512, 2048, 512], 512: [1024, 4096, 1024], 1024: [2048, 8192, 1024], 2048: [4096, 16384, 1024], 4096: [8192, 30720, 1024],
  8192: [16384, 61440, 4096], 16384: [32768, 122880, 8192],
};

function isSize({ cpu, memoryMiB }: Settings): boolean {
  const [from, to, step] = memoryOf[cpu] ?? [1, 0, 1];
  return memoryMiB >= from && memoryMiB <= to && memoryMiB % step === 0 && !(cpu === 256 && memoryMiB === 1536);
}

export class SettingsError extends Error {}

function must(isRight: boolean, what: string): void {
  if (!isRight) throw new SettingsError(what);
}

/** Each thing that cannot work is said here, in words, and not by AWS half an hour later. */
export function settingsOf(given: Record<string, unknown>): Settings {
  for (const key of needed) must(given[key] !== undefined, `"${key}" is missing`);
  for (const key of Object.keys(given)) must(needed.includes(key) || key in defaults || key === 'tokensSecret', `no such setting: "${key}"`);
  for (const key of neededOfNetwork) must((given.network as any)[key]?.length > 0, `"network.${key}" is missing`);
  const settings = { ...defaults, ...given } as unknown as Settings;
  const { network } = settings;
  must(settings.publicUrl.startsWith('https://'), '"publicUrl" must begin with https://');
  must(network.publicSubnetIds.length >= 2, '"network.publicSubnetIds": a load balancer needs two');
  must(network.publicSubnetIds.length === network.publicSubnetCidrs.length, '"network.publicSubnetCidrs": one for each public subnet');
  must(settings.drainSeconds >= 0 && settings.drainSeconds + stopSecondsMore <= stopSecondsMax,
    `"drainSeconds": Fargate ends a container ${stopSecondsMax} s after SIGTERM, so ${stopSecondsMax - stopSecondsMore} at most`);
  must(isSize(settings), `"cpu", "memoryMiB": Fargate has no task of ${settings.cpu} units and ${settings.memoryMiB} MiB`);
  must(settings.tasks.min >= 1 && settings.tasks.max >= settings.tasks.min, '"tasks": min is 1 or more, and max no less');
  must(settings.tasks.max === 1 || settings.state === 'memory',
    '"tasks": with "state": "efs" there is one, since each mgw needs a folder of its own; more need "state": "memory"');
  return settings;
}

/** The file, and mgw's configuration, as its text. */
export function readSettings(file: string): { settings: Settings; config: string } {
  const settings = settingsOf(JSON.parse(fs.readFileSync(file, 'utf8')));
  const config = fs.readFileSync(path.resolve(path.dirname(file), settings.config), 'utf8');
  must(Buffer.byteLength(JSON.stringify(config)) <= configBytesMax, `"config": a task definition holds 64 kB, of which ${configBytesMax} bytes are for mgw's configuration`);
  return { settings, config };
}
