/** The two functions of `fs-native-extensions` that we call; the package ships no types of its own. */
declare module 'fs-native-extensions' {
  /** Takes an exclusive lock on the whole file; false when another open file description holds it. */
  export function tryLock(fileDescriptor: number): boolean;
  /** Gives the lock back; closing the descriptor, or the end of the process, does so too. */
  export function unlock(fileDescriptor: number): void;
}
