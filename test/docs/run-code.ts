/**
 * Runs the code of an example: TypeScript or JavaScript, with or without imports, with `await` wherever it likes.
 *
 * A name that the code neither imports nor declares is looked for in `scope`, and before that among the exports of
 * `stigmergy` and `stigmergy/testing`. What the code declares is given back. Two kinds of lines claim something, and are
 * checked: `swarm.id; // 'id-1'` what a value is, and `console.log(a, b); // 1 2` what is printed, which then is not printed.
 * Swarms that the code leaves open are closed.
 */
import { createRequire } from 'node:module';
import { format, isDeepStrictEqual } from 'node:util';
import { compileFunction } from 'node:vm';
import ts from 'typescript';
import * as stigmergy from '../../src/index.ts';
import * as testing from '../../src/testing/index.ts';

/** Names with their values. */
export type Scope = Readonly<Record<string, unknown>>;

const CLAIM = /^(\s*)([^\s/].*); \/\/ ('[^']*'|-?\d+|true|false|null|\[\]|\{\})$/gm;
const PRINTED = /^(\s*)console\.log\((.*)\); \/\/ (.+)$/gm;
const nodeRequire = createRequire(import.meta.url);

/** Runs some code; gives back what it declared and imported at its top level. */
export async function runCode(code: string, scope: Scope = {}): Promise<Scope> {
  const opened: stigmergy.Swarm[] = [];
  const api = {
    ...stigmergy,
    async openSwarm(options?: stigmergy.OpenOptions) {
      const swarm = await stigmergy.openSwarm(options);
      opened.push(swarm);
      return swarm;
    },
  };
  const modules: Scope = { stigmergy: api, 'stigmergy/testing': testing };
  const globals: Scope = {
    ...testing,
    ...api,
    ...scope,
    exports: {},
    require: (name: string): unknown => modules[name] ?? (nodeRequire(name) as unknown),
    claim,
    printed,
  };
  try {
    const run = compile(code, Object.keys(globals));
    return await run(...Object.values(globals));
  } finally {
    await Promise.all(opened.map(async (swarm) => swarm.close()));
  }
}

function compile(code: string, names: readonly string[]): (...values: unknown[]) => Promise<Scope> {
  const checked = withClaims(code);
  const declared = declaredNames(checked);
  const { outputText } = ts.transpileModule(`${checked}\nreturn { ${declared.join(', ')} };`, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2023 },
  });
  // The inner function may declare again what the outer one was given.
  const body = `return (async () => {\n${outputText}\n})();`;
  return compileFunction(body, names) as (...values: unknown[]) => Promise<Scope>;
}

function withClaims(code: string): string {
  return code
    .replace(PRINTED, (_line, indent: string, values: string, expected: string) => {
      return `${indent}printed([${values}], ${JSON.stringify(expected)});`;
    })
    .replace(CLAIM, (_line, indent: string, actual: string, expected: string) => {
      const said = JSON.stringify(`${actual} is ${expected}`);
      return `${indent}claim(${actual}, ${expected}, ${said});`;
    });
}

function declaredNames(code: string): readonly string[] {
  const source = ts.createSourceFile('example.ts', code, ts.ScriptTarget.ES2023);
  const names: string[] = [];
  for (const statement of source.statements) {
    if (ts.isVariableStatement(statement)) {
      for (const { name } of statement.declarationList.declarations) names.push(...namesOf(name));
    } else if (ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement)) {
      if (statement.name !== undefined) names.push(statement.name.text);
    }
  }
  return names;
}

function namesOf(name: ts.BindingName): readonly string[] {
  if (ts.isIdentifier(name)) return [name.text];
  return name.elements.flatMap((element) =>
    ts.isOmittedExpression(element) ? [] : namesOf(element.name),
  );
}

function claim(actual: unknown, expected: unknown, said: string): void {
  if (isDeepStrictEqual(actual, expected)) return;
  throw new Error(`The example says that ${said}; it is ${JSON.stringify(actual)}.`);
}

function printed(values: readonly unknown[], expected: string): void {
  const text = format(...values);
  if (text !== expected) {
    throw new Error(`The example says that it prints ${expected}; it prints ${text}.`);
  }
}
