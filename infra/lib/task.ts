// One task: HAProxy and mgw, and before them a container that lays out mgw's files and looks whether it can start with them. What
// docker-compose.yml says stands here in the words of a task definition.

import { Duration } from 'aws-cdk-lib';
import { Repository } from 'aws-cdk-lib/aws-ecr';
import {
  Capability, ContainerDependencyCondition, ContainerImage, CpuArchitecture, FargateTaskDefinition, LinuxParameters, LogDriver,
  OperatingSystemFamily, Secret as EcsSecret, UlimitName, type ContainerDefinition, type ContainerDefinitionOptions, type HealthCheck,
} from 'aws-cdk-lib/aws-ecs';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import { Secret, type ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { cloudflareIpv4, cloudflareIpv6 } from './cloudflare.ts';
import { explain } from './explain.ts';
import { taskPort } from './network.ts';
import { imageNames } from './registry-stack.ts';
import { stopSecondsMore, type Settings } from './settings.ts';
import type { State } from './state.ts';

const runDir = '/run/mgw';
const stateDir = '/var/lib/mgw';
/** mgw needs one descriptor a stream, HAProxy two. */
const descriptors = 100000;

/** As the images say it: ECS does not read that there. */
export const mgwHealth = 'REQUEST_METHOD=GET REQUEST_URI=/health cgi-fcgi -bind -connect /run/mgw/fcgi.sock | grep -q \'^Status: 200\'';
export const haproxyHealth = 'curl -fsS --max-time 2 -o /dev/null "http://127.0.0.1:$MGW_HTTP_PORT/health"';

/** For mgw's user alone. What is wrong in the configuration is in the log with file, line and key, and the deployment rolls back. */
export const layOut = [
  'set -eu', 'umask 077',
  `printf %s "$MGW_CONFIG_TEXT" >${runDir}/mgw.json`,
  `[ -z "\${MGW_TOKENS_TEXT:-}" ] || printf %s "$MGW_TOKENS_TEXT" >${runDir}/tokens.json`,
  `exec mgw --check-config ${runDir}/mgw.json`,
].join('\n');

export interface TaskProps {
  settings: Settings;
  config: string;
  logs: { mgw: ILogGroup; haproxy: ILogGroup };
  state?: State;
}

export class Task extends Construct {
  readonly definition: FargateTaskDefinition;
  readonly haproxy: ContainerDefinition;

  constructor(scope: Construct, id: string, props: TaskProps) {
    super(scope, id);
    const { settings, state } = props;
    this.definition = new FargateTaskDefinition(this, 'Definition', {
      cpu: settings.cpu,
      memoryLimitMiB: settings.memoryMiB,
      runtimePlatform: { cpuArchitecture: CpuArchitecture.of(settings.architecture), operatingSystemFamily: OperatingSystemFamily.LINUX },
      volumes: [{ name: 'run' }],
    });
    if (state !== undefined) this.#mountState(state);
    const files = this.#files(props);
    this.haproxy = this.#haproxy(props);
    const mgw = this.#mgw(props);
    // ECS stops in the reverse order: mgw drains and ends, then HAProxy, which has carried its last answers.
    mgw.addContainerDependencies({ container: files, condition: ContainerDependencyCondition.SUCCESS });
    mgw.addContainerDependencies({ container: this.haproxy, condition: ContainerDependencyCondition.START });
    explain(this.definition, { 'AwsSolutions-ECS2': 'What is in the environment is no secret: those come from Secrets Manager.' });
    explain(this.definition.obtainExecutionRole(), { 'AwsSolutions-IAM5[Resource::*]': 'ecr:GetAuthorizationToken knows no resource.' });
  }

  #mountState(state: State): void {
    this.definition.addVolume({
      name: 'state',
      efsVolumeConfiguration: {
        fileSystemId: state.files.fileSystemId,
        transitEncryption: 'ENABLED',
        authorizationConfig: { accessPointId: state.folder.accessPointId, iam: 'ENABLED' },
      },
    });
    state.letUse(this.definition.taskRole);
  }

  #container(name: string, options: ContainerDefinitionOptions): ContainerDefinition {
    const container = this.definition.addContainer(name, {
      containerName: name,
      readonlyRootFilesystem: true,
      linuxParameters: this.#noCapabilities(name),
      ulimits: [{ name: UlimitName.NOFILE, softLimit: descriptors, hardLimit: descriptors }],
      ...options,
    });
    container.addMountPoints({ sourceVolume: 'run', containerPath: runDir, readOnly: false });
    return container;
  }

  #noCapabilities(name: string): LinuxParameters {
    const parameters = new LinuxParameters(this, `${name}-linux`);
    parameters.dropCapabilities(Capability.ALL);
    return parameters;
  }

  #files({ settings, config, logs }: TaskProps): ContainerDefinition {
    return this.#container('files', {
      image: this.#image(imageNames.mgw, settings),
      essential: false,
      entryPoint: ['sh', '-c'],
      command: [layOut],
      environment: { ...this.#mgwEnvironment(settings), MGW_CONFIG_TEXT: config },
      secrets: {
        ...this.#mgwSecrets(settings),
        ...(settings.tokensSecret === undefined ? {} : { MGW_TOKENS_TEXT: this.#secret(settings.tokensSecret) }),
      },
      logging: LogDriver.awsLogs({ logGroup: logs.mgw, streamPrefix: 'files' }),
    });
  }

  #haproxy({ settings, logs }: TaskProps): ContainerDefinition {
    const admin = new Secret(this, 'Admin', {
      secretName: 'mgw/admin', description: 'lets in at the inside port', generateSecretString: { passwordLength: 48, excludePunctuation: true },
    });
    explain(admin, { 'AwsSolutions-SMG4': 'It is read when a task starts: whoever changes it starts the tasks anew.' });
    return this.#container('haproxy', {
      image: this.#image(imageNames.haproxy, settings),
      portMappings: [{ containerPort: taskPort }],
      environment: {
        MGW_HTTP_BIND: '0.0.0.0',
        MGW_CERT: '',
        MGW_TRUSTED_PROXIES: settings.network.publicSubnetCidrs.join(' '),
        ...(settings.cloudflare ? { MGW_CLOUDFLARE: [...cloudflareIpv4, ...cloudflareIpv6].join(' ') } : {}),
      },
      secrets: { MGW_ADMIN_SECRET: EcsSecret.fromSecretsManager(admin) },
      healthCheck: health(haproxyHealth),
      stopTimeout: Duration.seconds(10),
      logging: LogDriver.awsLogs({ logGroup: logs.haproxy, streamPrefix: 'haproxy' }),
    });
  }

  #mgw({ settings, logs, state }: TaskProps): ContainerDefinition {
    const mgw = this.#container('mgw', {
      image: this.#image(imageNames.mgw, settings),
      environment: {
        ...this.#mgwEnvironment(settings),
        ...(settings.tokensSecret === undefined ? {} : { MGW_AUTH_TOKENS_FILE: `${runDir}/tokens.json` }),
        ...(state === undefined ? {} : { MGW_STATE_DIR: stateDir }),
      },
      secrets: this.#mgwSecrets(settings),
      healthCheck: health(mgwHealth),
      stopTimeout: Duration.seconds(settings.drainSeconds + stopSecondsMore),
      logging: LogDriver.awsLogs({ logGroup: logs.mgw, streamPrefix: 'mgw' }),
    });
    if (state !== undefined) mgw.addMountPoints({ sourceVolume: 'state', containerPath: stateDir, readOnly: false });
    return mgw;
  }

  /** The log in columns: CloudWatch reads the number of streams out of one (log-patterns.ts). */
  #mgwEnvironment(settings: Settings): Record<string, string> {
    return {
      MGW_CONFIG: `${runDir}/mgw.json`,
      MGW_LOG_FORMAT: 'text',
      MGW_PUBLIC_URL: settings.publicUrl,
      MGW_DRAIN_S: String(settings.drainSeconds),
    };
  }

  #stateKey?: Secret;

  #mgwSecrets(settings: Settings): Record<string, EcsSecret> {
    this.#stateKey ??= this.#makeStateKey();
    const of = Object.entries(settings.secrets).map(([name, secret]) => [name, this.#secret(secret)]);
    return { MGW_STATE_KEY: EcsSecret.fromSecretsManager(this.#stateKey), ...Object.fromEntries(of) };
  }

  #makeStateKey(): Secret {
    const key = new Secret(this, 'StateKey', {
      secretName: 'mgw/state-key', description: 'seals what mgw keeps, and what clients keep for it',
      generateSecretString: { passwordLength: 64, excludePunctuation: true },
    });
    explain(key, { 'AwsSolutions-SMG4': 'A new key ends logins unless the former is given as state_key_old: docs/state.md tells how, by hand.' });
    return key;
  }

  /** By its name: the registry's stack can be replaced while this one stands. */
  #image(name: string, { tag }: Settings): ContainerImage {
    const id = `image-${name}`;
    const repository = (this.node.tryFindChild(id) as Repository | undefined) ?? Repository.fromRepositoryName(this, id, name);
    return ContainerImage.fromEcrRepository(repository, tag);
  }

  #secret(name: string): EcsSecret {
    const id = `secret-${name}`;
    const secret = (this.node.tryFindChild(id) as ISecret | undefined) ?? Secret.fromSecretNameV2(this, id, name);
    return EcsSecret.fromSecretsManager(secret);
  }
}

function health(command: string): HealthCheck {
  return {
    command: ['CMD-SHELL', command], interval: Duration.seconds(10), timeout: Duration.seconds(3), startPeriod: Duration.seconds(10), retries: 3,
  };
}
