// Certificates of a private authority, made with openssl.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const openssl = (...args) => execFileSync('openssl', args, { stdio: 'ignore' });
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];

/** An authority in the folder dir: { file } is its certificate, issue() makes others. */
export function makeAuthority(dir, name) {
  const [key, file] = [path.join(dir, `${name}.key`), path.join(dir, `${name}.pem`)];
  openssl('req', '-x509', ...newKey, '-keyout', key, '-out', file, '-subj', `/CN=${name}`);
  return {
    file,
    /** A certificate for a subject and its names ("DNS:a,IP:1.2.3.4"): { cert, key } are files, { both } one of both. */
    issue(subject, names) {
      const at = (ending) => path.join(dir, `${name}-${subject}.${ending}`);
      openssl('req', ...newKey, '-keyout', at('key'), '-out', at('csr'), '-subj', `/CN=${subject}`);
      fs.writeFileSync(at('ext'), names ? `subjectAltName=${names}\n` : 'extendedKeyUsage=clientAuth\n');
      openssl('x509', '-req', '-in', at('csr'), '-CA', file, '-CAkey', key, '-CAcreateserial', '-days', '2', '-out', at('pem'), '-extfile', at('ext'));
      fs.writeFileSync(at('both.pem'), fs.readFileSync(at('pem'), 'utf8') + fs.readFileSync(at('key'), 'utf8'), { mode: 0o600 });
      return { cert: at('pem'), key: at('key'), both: at('both.pem') };
    },
  };
}
