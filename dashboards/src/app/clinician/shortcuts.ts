import type { ShownAlert } from '@pulseseal/protocol';
import { useEffect, useState } from 'react';
import { useApp } from '../store/context.ts';

export interface Shortcuts {
  readonly enabled: boolean;
  readonly enable: (on: boolean) => void;
}

interface Keys {
  readonly alerts: readonly ShownAlert[];
  readonly answering: string | null;
  readonly setAnswering: (id: string | null) => void;
  readonly opened: string | null;
  readonly close: () => void;
  readonly help: boolean;
  readonly setHelp: (shown: boolean) => void;
}

/**
 * j, k or arrows move through the alerts, a answers, Escape closes, ? explains. Single letters can be switched off
 * (WCAG 2.1.4); arrows act only inside the alert list, so that they still scroll elsewhere.
 */
export function useShortcuts(keys: Keys): Shortcuts {
  const { ports } = useApp();
  const [enabled, setEnabled] = useState(() => ports.local.get('shortcuts') !== 'off');
  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || keys.help) return;
      if (event.key === 'Escape') {
        if (keys.answering !== null) {
          const id = keys.answering;
          keys.setAnswering(null);
          window.requestAnimationFrame(() => alertButton(id)?.focus());
        } else if (keys.opened !== null) keys.close();
        return;
      }
      if (isTyping(event.target)) return;
      const inList = event.target instanceof Element && event.target.closest('.alerts') !== null;
      const step = stepOf(event.key, inList, enabled);
      if (step !== 0) {
        event.preventDefault();
        moveFocus(step);
      } else if (enabled && event.key === 'a') {
        const id = alertAtFocus() ?? keys.alerts.find((alert) => alert.state === 'active')?.id;
        if (id === undefined) return;
        event.preventDefault();
        keys.setAnswering(id);
      } else if (enabled && event.key === '?') {
        event.preventDefault();
        keys.setHelp(true);
      }
    };
    window.addEventListener('keydown', pressed);
    return () => window.removeEventListener('keydown', pressed);
  });
  return {
    enabled,
    enable(on) {
      ports.local.set('shortcuts', on ? null : 'off');
      setEnabled(on);
    },
  };
}

function stepOf(key: string, inList: boolean, letters: boolean): number {
  if ((inList && key === 'ArrowDown') || (letters && key === 'j')) return 1;
  return (inList && key === 'ArrowUp') || (letters && key === 'k') ? -1 : 0;
}

const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && target.closest('input, textarea, select') !== null;

const alertButtons = (): HTMLElement[] => [...document.querySelectorAll<HTMLElement>('.alerts .alert-open')];

const alertButton = (id: string): HTMLElement | undefined =>
  alertButtons().find((button) => button.closest<HTMLElement>('[data-alert]')?.dataset.alert === id);

function alertAtFocus(): string | undefined {
  return document.activeElement?.closest<HTMLElement>('[data-alert]')?.dataset.alert;
}

function moveFocus(step: number): void {
  const buttons = alertButtons();
  const current = buttons.findIndex((button) => button.closest('[data-alert]')?.contains(document.activeElement));
  const next = current < 0 ? 0 : Math.min(buttons.length - 1, Math.max(0, current + step));
  buttons[next]?.focus();
}
