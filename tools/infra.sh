# shellcheck shell=bash
# What mgw stands on in AWS (infra/): synthesized, and held against what it promises. Without an account.

INFRA_OUT=build/infra/cdk.out

test_infra() {
  headline "infra: AWS CDK"
  need_npm_packages
  need_infra
  export MGW_INFRA_OUT=$PWD/$INFRA_OUT
  # In one process: all files need the same library, which takes seconds to load.
  run_node infra --experimental-test-isolation=none infra/test/*.test.ts
  infra_check "types" infra/node_modules/.bin/tsc --project infra
  # The templates that the tests have left.
  infra_check "cfn-lint" "$SDK_DIR/cfn-lint/bin/cfn-lint" "$INFRA_OUT"/*.template.json
  infra_check "commands of the AWS CLI in docs/" "$SDK_DIR/cfn-lint/bin/python" infra/test/aws_commands.py docs/ecs.md docs/operations/*.md
}

need_infra() {
  need_packages python3-venv
  mkdir -p "$SDK_DIR"
  need_npm_packages infra
  installed_once cfn-lint infra/requirements.txt install_python "$SDK_DIR/cfn-lint" infra/requirements.txt
}

# infra_check NAME COMMAND...
infra_check() {
  local name=$1
  shift
  if "$@" </dev/null; then
    add "infra: $name" 1 0
  else
    add "infra: $name" 0 1
    failures+=("infra: $name")
  fi
}
