import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';
import './style.css';

import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { GraphiQL, HISTORY_PLUGIN } from 'graphiql';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

import { fetchExamples, variablesText, type Example } from './examples';
import { examplesPlugin } from './ExamplesPanel';

const fetcher = createGraphiQLFetcher({ url: new URL('./graphql', window.location.href).href });
const root = createRoot(document.getElementById('root') as HTMLElement);

function Playground({ examples }: { examples: Example[] }) {
  const panel = examplesPlugin(examples);
  const first = examples[0];
  return (
    <GraphiQL
      fetcher={fetcher}
      plugins={[panel, HISTORY_PLUGIN]}
      visiblePlugin={panel}
      defaultEditorToolsVisibility="variables"
      defaultTabs={first ? [{ query: first.query, variables: variablesText(first) }] : undefined}
    >
      <GraphiQL.Logo>
        <span className="logo">Shelfgraph</span>
      </GraphiQL.Logo>
    </GraphiQL>
  );
}

function Failure({ problem }: { problem: string }) {
  return (
    <main className="loading" role="alert">
      <p>{problem}</p>
      <p>Is the service running, and was a graph published? `shelfgraph doctor` says what is missing.</p>
    </main>
  );
}

fetchExamples()
  .then((examples) => root.render(<StrictMode><Playground examples={examples} /></StrictMode>))
  .catch((error: unknown) => root.render(<Failure problem={String(error)} />));
