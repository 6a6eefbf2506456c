import { useGraphiQL, useGraphiQLActions, type GraphiQLPlugin } from '@graphiql/react';
import { useRef, useState } from 'react';

import { variablesText, type Example } from './examples';

function ShelfIcon() {
  return (
    <svg viewBox="0 0 24 24" width="24" height="24" fill="none" stroke="currentColor" strokeWidth="1.6" aria-hidden="true">
      <path d="M3 4v17M21 4v17M3 11h18M3 19h18M7 11V6h3v5M13 11V7h4v4M7 19v-4h4v4M14 19v-5h3v5" />
    </svg>
  );
}

function grouped(examples: Example[]): [string, Example[]][] {
  const groups = new Map<string, Example[]>();
  for (const example of examples) {
    groups.set(example.role, [...(groups.get(example.role) ?? []), example]);
  }
  return [...groups];
}

function Panel({ examples }: { examples: Example[] }) {
  const queryEditor = useGraphiQL((state) => state.queryEditor);
  const variableEditor = useGraphiQL((state) => state.variableEditor);
  const { run, setOperationName } = useGraphiQLActions();
  const [chosen, setChosen] = useState<string | null>(null);
  const pending = useRef<number | undefined>(undefined);

  function open(example: Example) {
    queryEditor?.setValue(example.query);
    variableEditor?.setValue(variablesText(example));
    const named = /^\s*query\s+(\w+)/.exec(example.query);
    if (named) {
      setOperationName(named[1]);
    }
    setChosen(example.title);
    // the editors hand their contents on after a short delay of their own
    window.clearTimeout(pending.current);
    pending.current = window.setTimeout(run, 600);
  }

  return (
    <section aria-label="Saved queries" className="examples">
      <div className="graphiql-doc-explorer-title">Saved queries</div>
      <p>One click loads a query with real products of this graph and runs it.</p>
      {grouped(examples).map(([role, ofRole]) => (
        <div key={role}>
          <h3>{role}</h3>
          {ofRole.map((example) => (
            <button
              key={example.title}
              type="button"
              className="example"
              data-testid="example"
              aria-pressed={chosen === example.title}
              onClick={() => open(example)}
            >
              <strong>{example.title}</strong>
              <span>{example.description}</span>
            </button>
          ))}
        </div>
      ))}
    </section>
  );
}

/** The side panel with the saved queries, grouped by the role that asks them. */
export function examplesPlugin(examples: Example[]): GraphiQLPlugin {
  return { title: 'Saved queries', icon: ShelfIcon, content: () => <Panel examples={examples} /> };
}
