import { createRoot } from 'react-dom/client';
import { createBrowserPorts } from './adapters/browser.ts';
import { createBrowserAudio } from './adapters/browser-audio.ts';
import { App } from './app.tsx';
import { settings } from './settings.ts';
import { createSound } from './sound.ts';
import { createTheme } from './theme/theme.ts';

const ports = createBrowserPorts();
const theme = createTheme(document.documentElement, window.matchMedia('(prefers-color-scheme: dark)'), ports.local);
const sound = createSound(ports, createBrowserAudio, settings);
const fragment = window.location.hash;
// The code is used once; it must not stay in the address bar, the history or a bookmark.
if (fragment !== '') window.history.replaceState(null, '', window.location.pathname);
const root = document.getElementById('root');
if (root !== null) createRoot(root).render(<App ports={ports} theme={theme} sound={sound} fragment={fragment} />);
