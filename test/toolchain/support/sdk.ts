/** Reads from an SDK's type declarations what programs may give and get. */
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import ts from "typescript";
import type { FunctionShape, ObjectShape, PackageShape, ResourceShape, Shape } from "./shape.js";

const require = createRequire(import.meta.url);

/** Reads the package @pulumi/NAME. */
export function readSdk(name: string): PackageShape {
  const root = dirname(require.resolve(`@pulumi/${name}/package.json`));
  const files = readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".d.ts") && !file.includes("node_modules"))
    .map((file) => join(root, file));
  const program = ts.createProgram(files, { skipLibCheck: true, types: [] });
  const reader = new Reader(program.getTypeChecker());
  const resources: Record<string, ResourceShape> = {};
  const functions: Record<string, FunctionShape> = {};
  for (const file of files) {
    const source = program.getSourceFile(file);
    const script = readFileSync(file.replace(/\.d\.ts$/, ".js"), "utf8");
    for (const statement of source?.statements ?? []) {
      if (ts.isClassDeclaration(statement) && statement.name !== undefined) {
        const token = /__pulumiType = ['"]([^'"]+)['"]/.exec(script)?.[1];
        if (token !== undefined) {
          resources[token === name ? "provider" : token] = {
            ...reader.resource(statement),
            secrets: quoted(/additionalSecretOutputs: \[([^\]]*)\]/.exec(script)?.[1] ?? "").sort(),
          };
        }
      } else if (ts.isFunctionDeclaration(statement)) {
        const token = /runtime\.invoke\("([^"]+)"/.exec(script)?.[1];
        if (token !== undefined && !statement.name?.text.endsWith("Output")) {
          functions[token] = reader.function(statement);
        }
      }
    }
  }
  return { resources, functions };
}

/** Turns declarations into shapes. It follows names, but not types that the compiler would have to work out. */
class Reader {
  constructor(private readonly checker: ts.TypeChecker) {}

  resource(declaration: ts.ClassDeclaration): Omit<ResourceShape, "secrets"> {
    const fields = declaration.members.filter(
      (member): member is ts.PropertyDeclaration => ts.isPropertyDeclaration(member) && !isStatic(member),
    );
    const construct = declaration.members.find(ts.isConstructorDeclaration);
    const get = declaration.members.find(
      (member): member is ts.MethodDeclaration => ts.isMethodDeclaration(member) && member.name.getText() === "get",
    );
    const state = get?.parameters.find((parameter) => parameter.name.getText() === "state")?.type;
    return {
      inputs: this.object(construct?.parameters[1]?.type),
      outputs: this.members(fields),
      ...(state === undefined ? {} : { state: this.object(state) }),
    };
  }

  function(declaration: ts.FunctionDeclaration): FunctionShape {
    const args = declaration.parameters.find((parameter) => parameter.name.getText() === "args")?.type;
    return { inputs: this.object(args), outputs: this.object(declaration.type) };
  }

  private object(type: ts.TypeNode | undefined): ObjectShape {
    const shape = type === undefined ? {} : this.shape(type);
    if (typeof shape === "string") {
      throw new Error(`${type?.getText()} is not an object but ${shape}`);
    }
    return shape;
  }

  private members(members: readonly (ts.PropertySignature | ts.PropertyDeclaration)[]): ObjectShape {
    return Object.fromEntries(
      members.map((member) => {
        const optional = member.questionToken !== undefined || /\| undefined>?$/.test(member.type?.getText() ?? "");
        const name = member.name.getText();
        return [optional ? `${name}?` : name, member.type === undefined ? "any" : this.shape(member.type)];
      }),
    );
  }

  private shape(type: ts.TypeNode): Shape {
    if (ts.isArrayTypeNode(type)) {
      return { list: this.shape(type.elementType) };
    }
    if (ts.isUnionTypeNode(type)) {
      return this.union(type.types.filter((part) => part.kind !== ts.SyntaxKind.UndefinedKeyword));
    }
    if (ts.isTypeLiteralNode(type)) {
      const index = type.members.find(ts.isIndexSignatureDeclaration);
      return index === undefined ? this.members(type.members.filter(ts.isPropertySignature)) : { map: this.shape(index.type) };
    }
    return ts.isTypeReferenceNode(type) ? this.reference(type) : type.getText();
  }

  private union(parts: readonly ts.TypeNode[]): Shape {
    const shapes = [...new Set(parts.map((part) => this.shape(part)))];
    const [first] = shapes;
    if (first !== undefined && shapes.length === 1) {
      return first;
    }
    // The schema knows assets and archives together as assets.
    return shapes.includes("asset") && shapes.includes("archive") ? "asset" : "any";
  }

  private reference(type: ts.TypeReferenceNode): Shape {
    const name = type.typeName.getText();
    const [argument] = type.typeArguments ?? [];
    if (argument !== undefined) {
      return this.shape(argument); // Input, Output and Promise
    }
    if (name.startsWith("pulumi.asset.")) {
      return name.replace("pulumi.asset.", "").toLowerCase();
    }
    let symbol = this.checker.getSymbolAtLocation(type.typeName);
    if (symbol !== undefined && (symbol.flags & ts.SymbolFlags.Alias) !== 0) {
      symbol = this.checker.getAliasedSymbol(symbol);
    }
    for (const declaration of symbol?.declarations ?? []) {
      if (ts.isInterfaceDeclaration(declaration)) {
        return this.members(declaration.members.filter(ts.isPropertySignature));
      }
      if (ts.isTypeAliasDeclaration(declaration)) {
        return "string"; // every enumeration here is one of strings
      }
    }
    throw new Error(`${name} is not declared`);
  }
}

/** The words in quotes in a list. */
function quoted(list: string): string[] {
  return [...list.matchAll(/"([^"]+)"/g)].map(([, word]) => word ?? "");
}

function isStatic(member: ts.PropertyDeclaration): boolean {
  return member.modifiers?.some((modifier) => modifier.kind === ts.SyntaxKind.StaticKeyword) ?? false;
}
