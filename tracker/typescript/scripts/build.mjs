// Compiles the package twice: as ES modules into dist/esm, as CommonJS into dist/cjs.
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url))
rmSync(`${root}dist`, { recursive: true, force: true })
for (const [folder, options] of [
  ['esm', ['--outDir', 'dist/esm']],
  ['cjs', ['--outDir', 'dist/cjs', '--module', 'CommonJS', '--moduleResolution', 'Node10', '--esModuleInterop']]
]) {
  execFileSync(process.execPath, [tsc, '-p', 'tsconfig.json', ...options], { cwd: root, stdio: 'inherit' })
  mkdirSync(`${root}dist/${folder}`, { recursive: true })
  writeFileSync(`${root}dist/${folder}/package.json`, JSON.stringify({ type: folder === 'esm' ? 'module' : 'commonjs' }))
}
