// Writes the page into $LLAMA_UI_OUT_DIR (dist when unset).
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const out = process.env.LLAMA_UI_OUT_DIR ?? 'dist';
const page = readFileSync('src/index.html', 'utf8');
mkdirSync(out, { recursive: true });
writeFileSync(join(out, 'index.html'), page.replace('%BUILD%', process.env.LLAMA_BUILD_NUMBER ?? 'unknown'));
