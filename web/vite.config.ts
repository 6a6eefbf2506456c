import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [react()],
  // relative addresses: the service may be mounted below a path
  base: './',
  build: { outDir: 'dist', chunkSizeWarningLimit: 8000, reportCompressedSize: false, sourcemap: false },
  worker: { format: 'es' },
});
