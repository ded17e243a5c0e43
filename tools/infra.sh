# shellcheck shell=bash
# What mgw stands on in AWS (infra/): synthesized, and held against what it promises.

test_infra() {
  headline "infra: AWS CDK"
  add infra 0 0
}
