/** A bar on a terminal, a line now and then elsewhere. */
import { SingleBar } from 'cli-progress';

export function progress(epochs: number): (epoch: number, loss: number) => void {
  if (!process.stdout.isTTY) {
    return (epoch, loss) => {
      if (epoch % 10 === 0 || epoch === epochs)
        console.log(`epoch ${epoch}/${epochs}: loss ${loss.toFixed(5)}`);
    };
  }
  const bar = new SingleBar({ format: 'fitting |{bar}| epoch {value}/{total}, loss {loss}' });
  bar.start(epochs, 0, { loss: '' });
  return (epoch, loss) => {
    bar.update(epoch, { loss: loss.toFixed(5) });
    if (epoch === epochs) bar.stop();
  };
}
