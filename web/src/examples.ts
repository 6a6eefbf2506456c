/** A saved query as the service offers it: composed from ids that exist in the graph it serves. */
export interface Example {
  role: string;
  title: string;
  description: string;
  query: string;
  variables: Record<string, unknown>;
}

/** Fetches the saved queries; throws with the status when the service cannot give them. */
export async function fetchExamples(): Promise<Example[]> {
  const answer = await fetch('./playground/examples.json');
  if (!answer.ok) {
    throw new Error(`The saved queries could not be loaded (status ${answer.status}).`);
  }
  return (await answer.json()) as Example[];
}

/** The variables of an example as the editor shows them. */
export function variablesText(example: Example): string {
  return JSON.stringify(example.variables, null, 2);
}
